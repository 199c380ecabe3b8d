"""Takes away what `manage.py worker_role` has made in this database, and what workers of such roles handed in."""

from typing import Any

from django.db import migrations

# Roles belong to the server: an operator drops them, as docs/operations/workers.md says. Row level security stays on
# where there are policies of somebody else.
WITHDRAW = """DO $$ DECLARE
  found record;
  workers text := left(regexp_replace(lower(current_database()), '[^a-z0-9_]', '_', 'g'), 40) || '_worker';
BEGIN
  FOR found IN SELECT * FROM pg_policies WHERE starts_with(policyname, 'gradus_worker_') LOOP
    EXECUTE format('DROP POLICY %I ON %I.%I', found.policyname, found.schemaname, found.tablename);
  END LOOP;
  FOR found IN SELECT oid::regprocedure AS name FROM pg_proc WHERE starts_with(proname, 'gradus_worker_') LOOP
    EXECUTE 'DROP FUNCTION IF EXISTS ' || found.name || ' CASCADE';
  END LOOP;
  FOR found IN SELECT oid::regclass AS name FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relrowsecurity
    AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid) AND relname IN (
      'submissions_evaluation', 'submissions_event', 'submissions_handedin', 'submissions_filelink',
      'submissions_submission', 'submissions_run', 'submissions_rerun', 'submissions_workerstatus',
      'submissions_enginechoice', 'submissions_quota', 'submissions_quotause', 'submissions_quotahold',
      'chats_chatmessage', 'courses_challengeversion', 'courses_challenge', 'courses_lesson', 'courses_course',
      'courses_calibration', 'courses_courseversion', 'reviews_judgecall', 'reviews_budget', 'accounts_user',
      'classes_class')
  LOOP
    EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', found.name);
  END LOOP;
  FOR found IN SELECT rolname FROM pg_roles WHERE rolname = workers OR starts_with(rolname, workers || '_') LOOP
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', current_schema(), found.rolname);
    EXECUTE format('REVOKE ALL ON SCHEMA %I FROM %I', current_schema(), found.rolname);
  END LOOP;
END $$"""


def withdraw(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(WITHDRAW, None)


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0032_hand_in_set_aside"),
    ]

    operations = [
        migrations.RunPython(withdraw, migrations.RunPython.noop),
        migrations.DeleteModel(name="FileLink"),
        migrations.DeleteModel(name="HandedIn"),
    ]
