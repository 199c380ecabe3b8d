"""Adds the index of hashes with which similar attempts are found. The reconciler fills it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0011_uploads"),
        ("submissions", "0023_nothing_new_of_deleted_accounts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Fingerprint",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "submission_id", "hash", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="fingerprints",
                        to="submissions.submission",
                    ),
                ),
                (
                    "challenge",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="courses.challenge",
                    ),
                ),
                ("hash", models.BigIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["challenge", "hash", "submission"], name="attempts_with_a_hash")],
            },
        ),
        migrations.AddField(
            model_name="submission",
            name="fingerprinted_at",
            field=models.DateTimeField(
                editable=False, help_text="When it was listed for the search for similar attempts", null=True
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(condition=models.Q(("fingerprinted_at", None)), fields=["id"], name="not_fingerprinted"),
        ),
    ]
