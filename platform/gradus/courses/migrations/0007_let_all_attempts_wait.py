"""Stores whether all attempts of a learner wait for a person, or only the latest."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0006_earlier_rules_open_no_gate"),
    ]

    operations = [
        migrations.AddField(
            model_name="course",
            name="all_attempts_wait",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Whether earlier attempts of a learner wait for a person, too",
            ),
        ),
    ]
