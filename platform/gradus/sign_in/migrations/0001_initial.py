"""Keeps why the last sign-in with each provider failed, and whose accounts at providers are."""

import django.utils.timezone
from django.db import migrations, models

from gradus.sign_in import triggers


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0015_merge_accounts"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [
        migrations.CreateModel(
            name="LastRefusal",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=40, unique=True)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("code", models.CharField(max_length=20)),
                ("detail", models.CharField(blank=True, max_length=200)),
            ],
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
