from django.db import migrations, models

WHAT = [
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
    ("data_exported", "Data exported"),
]


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_staff_actions")]

    operations = [
        migrations.AlterField("staffaction", "what", models.CharField(choices=WHAT, max_length=20)),
    ]
