import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_exports_are_logged"),
    ]

    operations = [
        migrations.CreateModel(
            name="ExemptNetwork",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "network",
                    models.CharField(
                        help_text="An address, or a network in CIDR notation such as 203.0.113.0/24",
                        max_length=43,
                        unique=True,
                    ),
                ),
                ("until", models.DateTimeField(help_text="From then on the usual limits hold again")),
                ("note", models.CharField(help_text="Whose network this is, and for which class", max_length=200)),
                (
                    "added_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AlterField(
            model_name="staffaction",
            name="what",
            field=models.CharField(
                choices=[
                    ("course_imported", "Course imported"),
                    ("course_changed", "Course published, hidden or frozen"),
                    ("rights_changed", "Rights changed"),
                    ("password_set", "Password set for somebody"),
                    ("role_changed", "Role in a course changed"),
                    ("removed", "Removed"),
                    ("token_revoked", "Token revoked"),
                    ("network_exempted", "Network exempted from limits"),
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
                    ("data_exported", "Data exported"),
                ],
                max_length=20,
            ),
        ),
    ]
