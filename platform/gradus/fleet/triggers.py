"""The triggers that keep a token what it was made as. The first migration installs them.

A later migration that alters the table on SQLite makes it anew: it has to call `remove` first, and `install`
afterwards.
"""

from typing import Any

from gradus import cross_table_rules
from gradus.cross_table_rules import Rule

TOKENS = "fleet_workertoken"
RULES = {
    "fleet_token_keeps_its_name": Rule(
        TOKENS, "UPDATE OF name", "NEW.name <> OLD.name", "the name of a token of workers does not change"
    ),
    "fleet_token_keeps_its_digest": Rule(
        TOKENS, "UPDATE OF digest", "NEW.digest <> OLD.digest", "the secret of a token of workers does not change"
    ),
    "fleet_token_stays_revoked": Rule(
        TOKENS,
        "UPDATE OF revoked_at",
        "OLD.revoked_at IS NOT NULL AND (NEW.revoked_at IS NULL OR NEW.revoked_at <> OLD.revoked_at)",
        "a token of workers that was revoked stays revoked",
    ),
    "fleet_token_stays_on_its_machine": Rule(
        TOKENS,
        "UPDATE OF machine",
        "OLD.machine <> '' AND NEW.machine <> '' AND NEW.machine <> OLD.machine",
        "a token of workers is released before another machine uses it",
    ),
}


def install(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, RULES)


def remove(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, RULES)
