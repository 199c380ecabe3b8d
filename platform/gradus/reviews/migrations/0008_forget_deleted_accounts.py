"""What was written about answers goes with the account of their author; decisions stay."""

from django.db import migrations

from gradus.reviews import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_delete_accounts"),
        ("submissions", "0023_nothing_new_of_deleted_accounts"),
        ("reviews", "0007_comments_and_snippets"),
    ]

    operations = [migrations.RunPython(triggers.install_forgetting, triggers.remove_forgetting)]
