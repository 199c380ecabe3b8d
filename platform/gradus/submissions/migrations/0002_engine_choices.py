from django.db import migrations, models
from django.db.models.functions import Now

# Django would make the whole table anew on SQLite, which fails: a trigger of another table reads this one.
ADD = "ALTER TABLE submissions_evaluation ADD COLUMN engine_choice varchar(12) DEFAULT '' NOT NULL"
DROP = "ALTER TABLE submissions_evaluation DROP COLUMN engine_choice"


class Migration(migrations.Migration):
    dependencies = [("submissions", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="EngineChoice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(help_text="Digest of the five fields that follow", max_length=64, unique=True),
                ),
                ("model", models.CharField(help_text="Digest of the base model's weights", max_length=200)),
                ("cpu", models.CharField(max_length=200)),
                ("threads", models.PositiveSmallIntegerField()),
                ("device", models.CharField(max_length=80)),
                ("versions", models.CharField(max_length=200)),
                (
                    "digest",
                    models.CharField(
                        db_index=True, help_text="What evaluations store as their engine choice", max_length=12
                    ),
                ),
                ("choice", models.JSONField()),
                ("created", models.DateTimeField(db_default=Now(), editable=False)),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(ADD, DROP)],
            state_operations=[
                migrations.AddField(
                    model_name="evaluation",
                    name="engine_choice",
                    field=models.CharField(
                        blank=True,
                        db_default="",
                        help_text="Digest of the engine's choice with which a runner computed the grade",
                        max_length=12,
                    ),
                )
            ],
        ),
    ]
