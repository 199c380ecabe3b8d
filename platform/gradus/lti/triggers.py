"""The triggers on platforms, launches, linked accounts and deliveries. They refuse what the services never do.

On SQLite, a later migration that makes one of these tables anew has to call `remove` first, and `install` afterwards.
"""

from __future__ import annotations

from typing import Any

from gradus import cross_table_rules
from gradus.accounts.triggers import CLOSED
from gradus.cross_table_rules import Rule

FIXED = "OLD.sub <> NEW.sub OR OLD.platform_id <> NEW.platform_id"


def _rules(vendor: str) -> dict[str, Rule]:
    # On PostgreSQL, only a lock reads the row as a merge of accounts that is going on leaves it.
    closed = CLOSED if vendor != "postgresql" else CLOSED.replace(") IS NOT", " FOR KEY SHARE) IS NOT")
    said = "an account that was merged or deleted gets nothing"
    deleted = "(SELECT deleted_at FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL"
    return {
        "lti_launch_is_entered_once": Rule(
            "lti_launch",
            "UPDATE",
            "OLD.entered_at IS NOT NULL OR OLD.nonce <> NEW.nonce OR OLD.browser <> NEW.browser",
            "a launch is entered once, by the browser that began it",
        ),
        "lti_platform_stays": Rule(
            "lti_platform",
            "UPDATE",
            "OLD.issuer <> NEW.issuer OR OLD.client_id <> NEW.client_id",
            "whose people these are never changes",
        ),
        "lti_link_stays": Rule("lti_link", "UPDATE", FIXED, "a person of a platform stays the same person"),
        "lti_link_not_of_closed": Rule("lti_link", "INSERT", f"{closed} OR {deleted}", said),
    }


DELIVERIES = {
    "lti_delivery_stamps_rise": Rule(
        "lti_delivery",
        "UPDATE",
        "NEW.stamp < OLD.stamp OR (OLD.body IS NULL AND NEW.body IS NOT NULL AND NEW.stamp = OLD.stamp)",
        "timestamps of grades rise",
    ),
    "lti_delivery_body_is_fixed": Rule(
        "lti_delivery",
        "UPDATE",
        """OLD.body IS NOT NULL AND NEW.body IS NOT NULL
    AND (OLD.stamp <> NEW.stamp OR CAST(OLD.body AS TEXT) <> CAST(NEW.body AS TEXT))""",
        "what may have arrived is sent again as it was",
    ),
}


def install_deliveries(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, DELIVERIES)


def remove_deliveries(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, DELIVERIES)


def install(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, _rules(schema_editor.connection.vendor))


def remove(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, _rules(schema_editor.connection.vendor))
