"""Stores the digest of an answer's text, by which reviewers find answers that are the same text."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0003_ids_within_a_course_and_kept_outcomes"),
        ("submissions", "0012_rank_by_people"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="text_digest",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="`challenges.texts.digest` of an answer whose criteria are marked; empty for other kinds",
                max_length=64,
            ),
        ),
        migrations.AddIndex(
            model_name="submission",
            index=models.Index(
                condition=models.Q(("text_digest", ""), _negated=True),
                fields=["challenge", "text_digest"],
                name="equal_texts",
            ),
        ),
    ]
