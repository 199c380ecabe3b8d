"""A deleted account keeps its scores, hands nothing in, and is graded no more."""

from django.db import migrations

from gradus.submissions import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_delete_accounts"),
        ("submissions", "0022_read_answers_about_hidden_entries"),
    ]

    operations = [migrations.RunPython(triggers.install_deleted, triggers.remove_deleted)]
