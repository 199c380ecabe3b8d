"""API tokens and roles are called so in the admin. Nothing of the database changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_delete_accounts"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="apitoken",
            options={"verbose_name": "API token"},
        ),
        migrations.AlterModelOptions(
            name="enrolment",
            options={"verbose_name": "role in a course", "verbose_name_plural": "roles in courses"},
        ),
    ]
