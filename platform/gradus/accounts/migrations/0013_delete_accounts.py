"""Accounts that are deleted keep a row without a name, after a time in which the person can change her mind."""

from django.db import migrations, models

from gradus.accounts import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_acts_by_function"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="deletion_due_at",
            field=models.DateTimeField(
                blank=True, editable=False, help_text="When it is to be deleted; none once that is done", null=True
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="deleted_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="From then on the row names nobody and keeps only its ranks",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=models.Q(("deletion_due_at__isnull", False)),
                fields=["deletion_due_at"],
                name="deletions_by_time",
            ),
        ),
        migrations.RunPython(triggers.install_deleted, triggers.remove_deleted),
    ]
