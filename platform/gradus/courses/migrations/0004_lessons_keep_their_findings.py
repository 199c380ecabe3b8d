"""Lessons keep their findings with what was measured of them. They come with the next import of a course."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("courses", "0003_versions_name_one_content")]

    operations = [
        migrations.AddField("lesson", "findings", models.JSONField(default=list)),
        migrations.AddField(
            "lesson",
            "arms",
            models.JSONField(default=dict, help_text="Prompts in full; of a training run only its kind"),
        ),
        migrations.AddField("lesson", "records", models.JSONField(default=dict)),
        migrations.AddField(
            "lesson",
            "contents",
            models.JSONField(default=dict, help_text="Digests of the challenges that came with this text, by id"),
        ),
    ]
