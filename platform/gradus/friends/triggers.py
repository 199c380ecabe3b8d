"""The triggers that keep the consent of both friends."""

from typing import Any

from gradus import cross_table_rules
from gradus.cross_table_rules import Rule

TABLE = "friends_friendship"
NO_ACCOUNT = """EXISTS (SELECT 1 FROM accounts_user WHERE id IN (NEW.asker_id, NEW.asked_id)
    AND (is_guest OR deleted_at IS NOT NULL))"""
NO_ACCOUNT_SAID = "friends are two people with accounts"
RULES = {
    "friends_begin_with_a_request": Rule(
        TABLE, "INSERT", "NEW.agreed_at IS NOT NULL OR NEW.refused_at IS NOT NULL", "only who is asked says yes or no"
    ),
    "friends_have_accounts": Rule(TABLE, "INSERT", NO_ACCOUNT, NO_ACCOUNT_SAID),
    "friends_keep_accounts": Rule(TABLE, "UPDATE OF asker_id, asked_id", NO_ACCOUNT, NO_ACCOUNT_SAID),
    "friends_no_stays": Rule(
        TABLE, "UPDATE", "OLD.refused_at IS NOT NULL AND NEW.refused_at IS NULL", "a refused request stays refused"
    ),
}


def install(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, RULES)


def remove(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, RULES)
