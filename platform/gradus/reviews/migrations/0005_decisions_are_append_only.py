"""A decision, once made, is never changed: the database refuses it to whoever asks.

A later migration that alters `reviews_review` on SQLite makes the table anew, which drops its triggers: run
`install` again in it. `tests/reviews/test_decisions.py` fails otherwise.
"""

from django.db import migrations

DECISION = ("decided_at", "decided_by_id", "marks", "reason")
BLIND = ("blind_at", "blind_by_id", "blind_marks")
MESSAGE = "a decision is never changed"
SQLITE = """
CREATE TRIGGER reviews_{name}_is_final BEFORE UPDATE ON reviews_review
WHEN OLD.{at} IS NOT NULL AND ({changed})
BEGIN SELECT RAISE(ABORT, '{message}'); END
"""
POSTGRESQL = """
CREATE FUNCTION reviews_{name}_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER reviews_{name}_is_final BEFORE UPDATE ON reviews_review FOR EACH ROW
WHEN (OLD.{at} IS NOT NULL AND ({changed})) EXECUTE FUNCTION reviews_{name}_is_final();
"""
DROP = {
    "sqlite": "DROP TRIGGER IF EXISTS reviews_{name}_is_final",
    "postgresql": "DROP TRIGGER IF EXISTS reviews_{name}_is_final ON reviews_review; "
    "DROP FUNCTION IF EXISTS reviews_{name}_is_final()",
}


def install(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for name, columns in (("decision", DECISION), ("blind_marks", BLIND)):
        differs = "IS NOT" if vendor == "sqlite" else "IS DISTINCT FROM"
        changed = " OR ".join(f"NEW.{column} {differs} OLD.{column}" for column in columns)
        sql = SQLITE if vendor == "sqlite" else POSTGRESQL
        schema_editor.execute(sql.format(name=name, at=columns[0], changed=changed, message=MESSAGE))


def remove(apps, schema_editor):
    for name in ("decision", "blind_marks"):
        schema_editor.execute(DROP[schema_editor.connection.vendor].format(name=name))


class Migration(migrations.Migration):
    dependencies = [("reviews", "0004_one_open_appeal_with_an_outcome")]

    operations = [migrations.RunPython(install, remove)]
