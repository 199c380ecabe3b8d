"""The triggers that keep overrides as they were written: only the end of one is set, once, and its release.

A later migration that alters `gradebook_override` on SQLite makes the table anew, which drops its triggers. It has to
call `remove` first, and `install` afterwards.
"""

from typing import Any

from gradus import cross_table_rules
from gradus.accounts.triggers import ERASED
from gradus.cross_table_rules import Rule

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
    cross_table_rules.install(schema_editor, RULES)


def remove(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, RULES)


def install_release(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, RELEASE_RULES)


def remove_release(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, RELEASE_RULES)


# When an account is deleted, the reasons that were given about its grades go; the grades stay.
LAST = " OR ".join(
    f"COALESCE(CAST(NEW.{name} AS TEXT), '') <> COALESCE(CAST(OLD.{name} AS TEXT), '')"
    for name in FIXED
    if name != "reason"
)
OF_A_DELETED = """EXISTS (SELECT 1 FROM classes_member AS member JOIN accounts_user AS person
    ON person.id = member.user_id AND person.deleted_at IS NOT NULL WHERE member.id = OLD.member_id)"""
REASON = f"NEW.reason <> OLD.reason AND NOT (NEW.reason = '{ERASED}' AND {OF_A_DELETED})"
FORGETTING = {
    "gradebook_override_stays": Rule(
        "gradebook_override",
        "UPDATE",
        f"{LAST} OR ({REASON}) OR ({ENDED_AGAIN})",
        "an override is only ended, and only once",
    )
}


def install_forgetting(apps: Any, schema_editor: Any) -> None:
    """Takes the place of the rule that has the same name."""
    cross_table_rules.remove(schema_editor, RULES)
    cross_table_rules.install(schema_editor, FORGETTING)


def remove_forgetting(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, FORGETTING)
    cross_table_rules.install(schema_editor, RULES)
