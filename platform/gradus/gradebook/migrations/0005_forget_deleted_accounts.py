"""The reasons that were given about the grades of a deleted account go; the grades stay."""

from django.db import migrations

from gradus.gradebook import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_delete_accounts"),
        ("classes", "0006_forget_deleted_accounts"),
        ("gradebook", "0004_keep_what_files_need"),
    ]

    operations = [migrations.RunPython(triggers.install_forgetting, triggers.remove_forgetting)]
