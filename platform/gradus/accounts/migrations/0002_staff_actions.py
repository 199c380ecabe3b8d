import django.db.models.functions.datetime
from django.db import migrations, models

from gradus import append_only

TABLE, MESSAGE = "accounts_staffaction", "what staff did is never changed or removed"


def install(apps, schema_editor):
    append_only.install(schema_editor, TABLE, MESSAGE)


def remove(apps, schema_editor):
    append_only.remove(schema_editor, TABLE)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="StaffAction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False)),
                ("user_id", models.BigIntegerField(db_index=True, null=True)),
                ("who", models.CharField(max_length=200)),
                ("via", models.CharField(choices=[("page", "Page"), ("api", "API"), ("shell", "Shell")], max_length=5)),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("course_imported", "Course imported"),
                            ("course_changed", "Course published, hidden or frozen"),
                            ("rights_changed", "Rights changed"),
                            ("password_set", "Password set for somebody"),
                            ("role_changed", "Role in a course changed"),
                            ("removed", "Removed"),
                            ("token_revoked", "Token revoked"),
                            ("standings_rebuilt", "Standings rebuilt"),
                            ("grade_decided", "Grade decided"),
                            ("audit_marked", "Audit marked"),
                            ("gold_kept", "Answer kept as a gold row"),
                            ("regrade_started", "Regrade started"),
                            ("regrade_approved", "Regrade approved"),
                            ("regrade_discarded", "Regrade discarded"),
                            ("backup_taken", "Backup taken"),
                            ("backup_restored", "Backup restored"),
                            ("admin_form", "Form of the admin"),
                        ],
                        max_length=20,
                    ),
                ),
                ("about", models.CharField(max_length=200)),
                ("details", models.JSONField(default=dict)),
                ("request", models.CharField(blank=True, help_text="The request's id in the logs", max_length=40)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.RunPython(install, remove),
    ]
