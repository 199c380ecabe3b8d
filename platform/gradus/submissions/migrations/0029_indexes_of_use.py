"""Adds indexes from which alone the use of a course or class is counted."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0028_budgets_of_courses_and_classes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="evaluation",
            index=models.Index(
                condition=models.Q(("finished_at__isnull", False), ("lane", "train"), ("started_at__isnull", False)),
                fields=["submission"],
                include=("started_at", "finished_at"),
                name="use_of_training",
            ),
        ),
        migrations.AddIndex(
            model_name="evaluation",
            index=models.Index(
                condition=models.Q(("lane", "judge")), fields=["id"], include=("submission",), name="use_of_judge"
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                fields=["challenge"], include=("id", "of_class", "user", "created_at"), name="use_of_attempts"
            ),
        ),
    ]
