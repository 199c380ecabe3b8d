"""The trigger by which standings follow their person: a guest or a closed account does not rank.

The first migration installs it. A later migration that alters `accounts_user` on SQLite makes the table anew, which
drops its trigger: run `install` again in it. `tests/leaderboards/test_large_boards.py` fails otherwise. A migration
that alters `submissions_standing` on SQLite must remove the trigger first and install it again afterwards.
"""

from typing import Any

SQLITE = """
CREATE TRIGGER submissions_ranks_follow_people AFTER UPDATE OF is_guest, is_active ON accounts_user
WHEN NEW.is_guest <> OLD.is_guest OR NEW.is_active <> OLD.is_active
BEGIN
    UPDATE submissions_standing SET ranked = NOT provisional AND NEW.is_active AND NOT NEW.is_guest
    WHERE user_id = NEW.id;
END
"""
POSTGRESQL = """
CREATE FUNCTION submissions_ranks_follow_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE submissions_standing SET ranked = NOT provisional AND NEW.is_active AND NOT NEW.is_guest
    WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER submissions_ranks_follow_people AFTER UPDATE OF is_guest, is_active ON accounts_user FOR EACH ROW
WHEN (NEW.is_guest <> OLD.is_guest OR NEW.is_active <> OLD.is_active)
EXECUTE FUNCTION submissions_ranks_follow_people();
"""
DROP = {
    "sqlite": "DROP TRIGGER IF EXISTS submissions_ranks_follow_people",
    "postgresql": "DROP TRIGGER IF EXISTS submissions_ranks_follow_people ON accounts_user; "
    "DROP FUNCTION IF EXISTS submissions_ranks_follow_people()",
}


def install(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL)


def remove(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(DROP[schema_editor.connection.vendor])
