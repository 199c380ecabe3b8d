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
                            ("course_imported", "Course Imported"),
                            ("course_changed", "course published, hidden or frozen"),
                            ("rights_changed", "Rights Changed"),
                            ("password_set", "password set for somebody"),
                            ("role_changed", "role in a course changed"),
                            ("removed", "Removed"),
                            ("token_revoked", "Token Revoked"),
                            ("standings_rebuilt", "Standings Rebuilt"),
                            ("grade_decided", "Grade Decided"),
                            ("audit_marked", "Audit Marked"),
                            ("gold_kept", "answer kept as a gold row"),
                            ("regrade_started", "Regrade Started"),
                            ("regrade_approved", "Regrade Approved"),
                            ("regrade_discarded", "Regrade Discarded"),
                            ("backup_taken", "Backup Taken"),
                            ("backup_restored", "Backup Restored"),
                            ("admin_form", "form of the admin"),
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
