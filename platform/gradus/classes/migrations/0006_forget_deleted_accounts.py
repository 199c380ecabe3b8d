"""The reasons that were given about a member go when the account is deleted."""

from django.db import migrations

from gradus.classes import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_delete_accounts"),
        ("classes", "0005_extensions"),
    ]

    operations = [migrations.RunPython(triggers.install_forgetting, triggers.remove_forgetting)]
