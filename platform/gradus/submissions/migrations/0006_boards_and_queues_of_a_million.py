"""Standings say by themselves whether they rank, and follow their person; indexes for boards, waits and what is late.

A later migration that alters `accounts_user` on SQLite makes the table anew, which drops its trigger: run `install`
again in it. `tests/leaderboards/test_large_boards.py` fails otherwise.
"""

from django.conf import settings
from django.db import migrations, models

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


def install(apps, schema_editor):
    schema_editor.execute(SQLITE if schema_editor.connection.vendor == "sqlite" else POSTGRESQL)


def remove(apps, schema_editor):
    schema_editor.execute(DROP[schema_editor.connection.vendor])


def rank(apps, schema_editor):
    standings = apps.get_model("submissions", "Standing").objects
    standings.filter(provisional=False, user__is_guest=False, user__is_active=True).update(ranked=True)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("submissions", "0005_reconcilerstatus"),
    ]

    operations = [
        migrations.AddField(
            model_name="standing",
            name="ranked",
            field=models.BooleanField(default=False, help_text="Verified, of an active person with an account"),
        ),
        migrations.AddConstraint(
            model_name="standing",
            constraint=models.CheckConstraint(
                condition=models.Q(("provisional", False), ("ranked", False), _connector="OR"),
                name="no_provisional_rank",
            ),
        ),
        migrations.RemoveIndex(model_name="standing", name="board"),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                condition=models.Q(("ranked", True)),
                fields=["challenge", "track", "-shown", "reached_at", "id"],
                name="board",
            ),
        ),
        migrations.AddIndex(
            model_name="evaluation",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False)), fields=["lane", "finished_at"], name="ended_lately"
            ),
        ),
        migrations.AddIndex(
            model_name="evaluation",
            index=models.Index(
                condition=models.Q(("state__in", ["queued", "running"])), fields=["created_at"], name="still_open"
            ),
        ),
        migrations.RunPython(install, remove),
        migrations.RunPython(rank, migrations.RunPython.noop),
    ]
