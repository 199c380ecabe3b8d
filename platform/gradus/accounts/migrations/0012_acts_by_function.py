"""Lets the log of staff actions take its words from a function, so that a new act needs no migration."""

from django.db import migrations, models

import gradus.accounts.models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_note_classes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="staffaction",
            name="what",
            field=models.CharField(choices=gradus.accounts.models.known_acts, max_length=20),
        ),
    ]
