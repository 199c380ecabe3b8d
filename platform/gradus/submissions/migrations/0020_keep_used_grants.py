"""Attempts that were granted and used cannot be withdrawn."""

from django.db import migrations

from gradus.submissions import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0005_extensions"),
        ("submissions", "0019_find_attempts_of_a_class"),
    ]

    operations = [migrations.RunPython(triggers.install_withdrawals, triggers.remove_withdrawals)]
