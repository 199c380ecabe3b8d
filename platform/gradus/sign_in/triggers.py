"""Database triggers: an account at a provider belongs to an account that is open, and never to a visitor."""

from typing import Any

from gradus import cross_table_rules
from gradus.accounts.triggers import CLOSED
from gradus.cross_table_rules import Rule

TABLE = "socialaccount_socialaccount"
GUEST = "EXISTS (SELECT 1 FROM accounts_user WHERE id = NEW.user_id AND is_guest)"
SAID = {"guest": "a visitor has no account at a provider", "closed": "an account that was merged gets nothing"}


def rules(vendor: str) -> dict[str, Rule]:
    """Returns the rules. On PostgreSQL, a lock waits for a merge of accounts that is going on."""
    closed = CLOSED if vendor != "postgresql" else CLOSED.replace(") IS NOT", " FOR KEY SHARE) IS NOT")
    found = {}
    for name, wrong in (("guest", GUEST), ("closed", closed)):
        found[f"sign_in_account_begins_not_{name}"] = Rule(TABLE, "INSERT", wrong, SAID[name])
        found[f"sign_in_account_moves_not_{name}"] = Rule(TABLE, "UPDATE OF user_id", wrong, SAID[name])
    stays = "OLD.provider <> NEW.provider OR OLD.uid <> NEW.uid"
    found["sign_in_account_stays"] = Rule(
        TABLE, "UPDATE OF provider, uid", stays, "an account at a provider stays the same one"
    )
    return found


def install(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, rules(schema_editor.connection.vendor))


def remove(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, rules(schema_editor.connection.vendor))
