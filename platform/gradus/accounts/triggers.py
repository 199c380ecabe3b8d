"""The triggers on the log of staff actions, which stays as it was written, and on accounts that were deleted.

While an account is being deleted, its name in the log is replaced by a pseudonym, and nothing else in the log changes.
On SQLite, a later migration that makes `accounts_user` anew has to call `lift` first, and `restore` afterwards.
"""

from typing import Any

from gradus import append_only, cross_table_rules
from gradus.cross_table_rules import Rule

TABLE, MESSAGE = "accounts_staffaction", "what staff did is never changed or removed"
FIXED = ("id", "at", "user_id", "via", "what", "request")
CHANGED = " OR ".join(
    f"COALESCE(CAST(NEW.{name} AS TEXT), '') <> COALESCE(CAST(OLD.{name} AS TEXT), '')" for name in FIXED
)
BEING_DELETED = """EXISTS (SELECT 1 FROM accounts_user
    WHERE deleted_at IS NOT NULL AND deletion_due_at IS NOT NULL)"""
# What stands in place of a reason that staff gave about somebody whose account was deleted.
ERASED = "(deleted)"
# Its name is that of the trigger whose place it takes, so that `remove` removes it, too.
FORGETTING = {f"{TABLE}_no_update": Rule(TABLE, "UPDATE", f"{CHANGED} OR NOT {BEING_DELETED}", MESSAGE)}
DELETED = {
    "accounts_deleted_stays_so": Rule(
        "accounts_user",
        "UPDATE",
        "OLD.deleted_at IS NOT NULL AND (NEW.deleted_at IS NULL OR NEW.is_active OR NEW.is_staff OR NEW.is_superuser)",
        "a deleted account is never opened again",
    ),
    "accounts_deleted_was_asked_for": Rule(
        "accounts_user",
        "UPDATE OF deleted_at, deletion_due_at",
        """NEW.deletion_due_at IS NULL AND OLD.deletion_due_at IS NOT NULL AND NEW.deleted_at IS NOT NULL
    AND (NEW.email <> '' OR NEW.first_name <> '' OR NEW.last_name <> '')
    OR OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL AND NEW.deletion_due_at IS NULL""",
        "a deletion ends when nothing names the person",
    ),
}
# An account that was merged into another one: nothing is without both consents, and nothing brings it back.
MERGED = {
    "accounts_merged_by_consent": Rule(
        "accounts_user",
        "UPDATE OF merged_into_id",
        """COALESCE(OLD.merged_into_id, 0) <> COALESCE(NEW.merged_into_id, 0) AND (OLD.merged_into_id IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM accounts_merge WHERE gone_id = NEW.id AND kept_id = NEW.merged_into_id
    AND merged_at IS NOT NULL))""",
        "accounts are merged with both consents, and once",
    ),
    "accounts_merged_stays_closed": Rule(
        "accounts_user",
        "UPDATE OF is_active, merged_into_id",
        "NEW.merged_into_id IS NOT NULL AND (NEW.is_active OR NEW.is_staff OR NEW.is_superuser)",
        "a merged account is never opened again",
    ),
    "accounts_merge_stays": Rule(
        "accounts_merge",
        "UPDATE OF kept_id, gone_id, kept_agreed_at, gone_agreed_at, merged_at, ended_at",
        """OLD.merged_at IS NOT NULL OR OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL
    OR OLD.kept_id <> NEW.kept_id OR OLD.gone_id <> NEW.gone_id""",
        "a merge of accounts stays as it ended",
    ),
}
CLOSED = "(SELECT merged_into_id FROM accounts_user WHERE id = NEW.user_id) IS NOT NULL"
# The rows of a learner, in the tables of all apps. `teach` installs these rules, because it comes after them.
OF_A_LEARNER = (
    *("accounts_apitoken", "accounts_enrolment", "classes_member", "submissions_submission", "submissions_run"),
    *("submissions_mark", "submissions_standing", "submissions_slot", "submissions_hintstaken", "notices_notice"),
    *("notices_mailwish", "chats_chatmessage", "reports_problemreport", "laboratory_contribution"),
    *("questions_answer", "questions_readstep", "preferences_pairchoice", "friends_friendcode"),
)


def rules_of_closed(vendor: str) -> dict[str, Rule]:
    """Returns rules by which an account that was merged into another one gets no new row.

    On PostgreSQL, the condition waits for a merge that is going on: only a lock reads the row as that leaves it.
    """
    closed = CLOSED if vendor != "postgresql" else CLOSED.replace(") IS NOT", " FOR KEY SHARE) IS NOT")
    said = "an account that was merged gets nothing"
    rules = {f"{table}_not_of_merged": Rule(table, "INSERT", closed, said) for table in OF_A_LEARNER}
    for side in ("asker", "asked"):
        name = f"friends_{side}_is_not_merged"
        rules[name] = Rule("friends_friendship", "INSERT", closed.replace("user_id", f"{side}_id"), said)
    # A member gets an account also later.
    return rules | {"classes_member_moves_not": Rule("classes_member", "UPDATE OF user_id", closed, said)}


def install(apps: Any, schema_editor: Any) -> None:
    append_only.install(schema_editor, TABLE, MESSAGE)


def remove(apps: Any, schema_editor: Any) -> None:
    append_only.remove(schema_editor, TABLE)


def install_deleted(apps: Any, schema_editor: Any) -> None:
    append_only.remove(schema_editor, TABLE, "update")
    cross_table_rules.install(schema_editor, FORGETTING | DELETED)


def remove_deleted(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, FORGETTING | DELETED)
    append_only.install(schema_editor, TABLE, MESSAGE, "update")


def install_log(apps: Any, schema_editor: Any) -> None:
    """Installs the triggers of the log as all migrations leave them."""
    append_only.install(schema_editor, TABLE, MESSAGE, "delete", "truncate")
    cross_table_rules.install(schema_editor, FORGETTING)


remove_log = remove


def lift(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.lift(schema_editor, "accounts_user")


def restore(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.restore(schema_editor)


def install_merged(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, MERGED)


def remove_merged(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, MERGED)


def install_closed(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.install(schema_editor, rules_of_closed(schema_editor.connection.vendor))


def remove_closed(apps: Any, schema_editor: Any) -> None:
    cross_table_rules.remove(schema_editor, rules_of_closed(schema_editor.connection.vendor))
