"""Ranks standings by what their people are, in place of a copy that a trigger kept."""

from typing import Any

from django.conf import settings
from django.db import migrations, models

DROP = {
    "sqlite": "DROP TRIGGER IF EXISTS submissions_ranks_follow_people",
    "postgresql": "DROP TRIGGER IF EXISTS submissions_ranks_follow_people ON accounts_user; "
    "DROP FUNCTION IF EXISTS submissions_ranks_follow_people()",
}
FILL = """
UPDATE submissions_standing SET ranked = NOT provisional AND EXISTS (
    SELECT 1 FROM accounts_user WHERE accounts_user.id = user_id AND is_active AND NOT is_guest
)
"""
CREATE = {
    "sqlite": """
CREATE TRIGGER submissions_ranks_follow_people AFTER UPDATE OF is_guest, is_active ON accounts_user
WHEN NEW.is_guest <> OLD.is_guest OR NEW.is_active <> OLD.is_active
BEGIN
    UPDATE submissions_standing SET ranked = NOT provisional AND NEW.is_active AND NOT NEW.is_guest
    WHERE user_id = NEW.id;
END
""",
    "postgresql": """
CREATE FUNCTION submissions_ranks_follow_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE submissions_standing SET ranked = NOT provisional AND NEW.is_active AND NOT NEW.is_guest
    WHERE user_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER submissions_ranks_follow_people AFTER UPDATE OF is_guest, is_active ON accounts_user FOR EACH ROW
WHEN (NEW.is_guest <> OLD.is_guest OR NEW.is_active <> OLD.is_active)
EXECUTE FUNCTION submissions_ranks_follow_people();
""",
}


def drop_trigger(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(DROP[schema_editor.connection.vendor])


def create_trigger(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(CREATE[schema_editor.connection.vendor])


def fill_ranked(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute(FILL)


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0011_find_runs_by_their_end"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(drop_trigger, create_trigger),
        migrations.RunPython(migrations.RunPython.noop, fill_ranked),
        migrations.RemoveConstraint(model_name="standing", name="no_provisional_rank"),
        migrations.RemoveIndex(model_name="standing", name="board"),
        migrations.RemoveField(model_name="standing", name="ranked"),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                condition=models.Q(("provisional", False)),
                fields=["version", "track", "-shown", "reached_at", "id", "user"],
                name="board",
            ),
        ),
    ]
