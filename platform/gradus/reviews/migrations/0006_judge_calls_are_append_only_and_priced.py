"""A call to the judge, once logged, is never changed, and goes only after the evaluation that it was made for.

A later migration that alters `reviews_judgecall` on SQLite makes the table anew, which drops its triggers: run
`install` again in it. `tests/reviews/test_judge_calls.py` fails otherwise.
"""

import django.db.models.deletion
from django.db import migrations, models

SQLITE = (
    """
CREATE TRIGGER reviews_judgecall_never_changes BEFORE UPDATE ON reviews_judgecall
BEGIN SELECT RAISE(ABORT, 'a logged call is never changed'); END
""",
    """
CREATE TRIGGER reviews_judgecall_stays BEFORE DELETE ON reviews_judgecall
WHEN EXISTS (SELECT 1 FROM submissions_evaluation WHERE id = OLD.evaluation_id)
BEGIN SELECT RAISE(ABORT, 'a logged call stays with its evaluation'); END
""",
)
POSTGRESQL = """
CREATE FUNCTION reviews_judgecall_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'a logged call is never changed' USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER reviews_judgecall_never_changes BEFORE UPDATE ON reviews_judgecall
FOR EACH ROW EXECUTE FUNCTION reviews_judgecall_never_changes();
CREATE FUNCTION reviews_judgecall_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM submissions_evaluation WHERE id = OLD.evaluation_id) THEN
    RAISE EXCEPTION 'a logged call stays with its evaluation' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER reviews_judgecall_stays BEFORE DELETE ON reviews_judgecall
FOR EACH ROW EXECUTE FUNCTION reviews_judgecall_stays();
"""
NAMES = ("reviews_judgecall_never_changes", "reviews_judgecall_stays")


def install(apps, schema_editor):
    for statement in SQLITE if schema_editor.connection.vendor == "sqlite" else (POSTGRESQL,):
        schema_editor.execute(statement)


def remove(apps, schema_editor):
    for name in NAMES:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")
        else:
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name} ON reviews_judgecall")
            schema_editor.execute(f"DROP FUNCTION IF EXISTS {name}()")


class Migration(migrations.Migration):
    dependencies = [
        ("reviews", "0005_decisions_are_append_only"),
        ("submissions", "0007_overlap_and_private_scores"),
    ]

    operations = [
        migrations.AlterField(
            model_name="judgecall",
            name="evaluation",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="judge_calls",
                to="submissions.evaluation",
            ),
        ),
        migrations.AddField(
            model_name="judgecall",
            name="cost_micros",
            field=models.PositiveBigIntegerField(
                blank=True, help_text="Millionths of the currency's unit; none where a price is unknown", null=True
            ),
        ),
        migrations.AddField(
            model_name="judgecall", name="currency", field=models.CharField(blank=True, default="", max_length=3)
        ),
        migrations.AddField(model_name="budget", name="spent_micros", field=models.PositiveBigIntegerField(default=0)),
        migrations.AddField(
            model_name="budget",
            name="allowed_micros",
            field=models.PositiveBigIntegerField(blank=True, help_text="None is no limit", null=True),
        ),
        migrations.AddConstraint(
            model_name="budget",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("allowed_micros__isnull", True),
                    ("spent_micros__lte", models.F("allowed_micros")),
                    _connector="OR",
                ),
                name="within_money",
            ),
        ),
        migrations.RunPython(install, remove),
    ]
