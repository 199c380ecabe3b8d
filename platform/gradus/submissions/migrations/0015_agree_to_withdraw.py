"""Stores that a learner agreed to the withdrawal of earlier attempts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0014_fill_digests"),
    ]

    operations = [
        migrations.AddField(
            model_name="submission",
            name="withdraws_earlier",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="The learner agreed that earlier attempts are withdrawn once this one waits for a person",
            ),
        ),
    ]
