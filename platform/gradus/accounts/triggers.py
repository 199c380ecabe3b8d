"""The triggers on the log of staff actions, which stays as it was written, and on accounts that were deleted.

While an account is being deleted, its name in the log is replaced by a pseudonym, and nothing else in the log changes.
On SQLite, a later migration that makes `accounts_user` anew has to call `remove_deleted` first, and `install_deleted`
afterwards.
"""

from typing import Any

from gradus import append_only, row_rules
from gradus.row_rules import Rule

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


def install(apps: Any, schema_editor: Any) -> None:
    append_only.install(schema_editor, TABLE, MESSAGE)


def remove(apps: Any, schema_editor: Any) -> None:
    append_only.remove(schema_editor, TABLE)


def install_deleted(apps: Any, schema_editor: Any) -> None:
    append_only.remove(schema_editor, TABLE, "update")
    row_rules.install(schema_editor, FORGETTING | DELETED)


def remove_deleted(apps: Any, schema_editor: Any) -> None:
    row_rules.remove(schema_editor, FORGETTING | DELETED)
    append_only.install(schema_editor, TABLE, MESSAGE, "update")


def install_log(apps: Any, schema_editor: Any) -> None:
    """Installs the triggers of the log as all migrations leave them."""
    append_only.install(schema_editor, TABLE, MESSAGE, "delete", "truncate")
    row_rules.install(schema_editor, FORGETTING)


remove_log = remove
