"""The triggers that keep overrides as they were written: only the end of one is set, once, and its release.

A later migration that alters `gradebook_override` on SQLite makes the table anew, which drops its triggers. It has to
call `remove` first, and `install` afterwards.
"""

from typing import Any

from gradus import row_rules
from gradus.row_rules import Rule

# The member may change where two members turn out to be one person, and people go when their account is deleted.
FIXED = ("challenge_id", "kind", "value", "reason", "at")
CHANGED = " OR ".join(
    f"COALESCE(CAST(NEW.{name} AS TEXT), '') <> COALESCE(CAST(OLD.{name} AS TEXT), '')" for name in FIXED
)
ENDED_AGAIN = "OLD.ended_at IS NOT NULL AND (NEW.ended_at IS NULL OR NEW.ended_at <> OLD.ended_at)"
RULES = {
    "gradebook_override_stays": Rule(
        "gradebook_override", "UPDATE", f"{CHANGED} OR ({ENDED_AGAIN})", "an override is only ended, and only once"
    )
}

# Installed after the migration that says of earlier overrides whether they are withheld.
RELEASE_RULES = {
    "gradebook_override_stays_released": Rule(
        "gradebook_override",
        "UPDATE OF withheld",
        "NEW.withheld AND NOT OLD.withheld",
        "a grade that was shown is not withheld again",
    )
}


def install(apps: Any, schema_editor: Any) -> None:
    row_rules.install(schema_editor, RULES)


def remove(apps: Any, schema_editor: Any) -> None:
    row_rules.remove(schema_editor, RULES)


def install_release(apps: Any, schema_editor: Any) -> None:
    row_rules.install(schema_editor, RELEASE_RULES)


def remove_release(apps: Any, schema_editor: Any) -> None:
    row_rules.remove(schema_editor, RELEASE_RULES)
