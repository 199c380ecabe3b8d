from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_note_classes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="staffaction",
            name="what",
            field=models.CharField(
                choices=[
                    ("course_imported", "Course imported"),
                    ("course_changed", "Course published, hidden or frozen"),
                    ("draft_pushed", "Draft of a course pushed"),
                    ("draft_published", "Draft of a course published"),
                    ("draft_discarded", "Draft of a course discarded"),
                    ("course_rolled_back", "Course rolled back"),
                    ("board_begun", "Leaderboard of a new version begun"),
                    ("course_pulled", "Course downloaded with its hidden rows"),
                    ("rights_changed", "Rights changed"),
                    ("password_set", "Password set for somebody"),
                    ("class_created", "Class created"),
                    ("class_changed", "Class changed"),
                    ("release_changed", "Release of grades changed"),
                    ("grades_released", "Grades released"),
                    ("members_changed", "Members of a class changed"),
                    ("dates_changed", "Dates of a class changed"),
                    ("attempts_granted", "Attempts granted"),
                    ("attempts_withdrawn", "Granted attempts withdrawn"),
                    ("grade_overridden", "Grade of a class set by a person"),
                    ("grade_excused", "Learner excused from a challenge"),
                    ("override_cleared", "Grade set by a person cleared"),
                    ("weights_changed", "Points of challenges changed"),
                    ("announced", "Announcement written, changed or withdrawn"),
                    ("viewed_as", "Site viewed as a learner"),
                    ("role_changed", "Role in a course changed"),
                    ("person_invited", "Person invited to a course"),
                    ("invitation_withdrawn", "Invitation withdrawn"),
                    ("invitation_accepted", "Invitation accepted"),
                    ("removed", "Removed"),
                    ("token_revoked", "Token revoked"),
                    ("network_exempted", "Network exempted from limits"),
                    ("standings_rebuilt", "Standings rebuilt"),
                    ("grade_decided", "Grade decided"),
                    ("audit_marked", "Audit marked"),
                    ("lock_broken", "Answer taken from another reviewer"),
                    ("question_changed", "Setting of a question changed"),
                    ("gold_kept", "Answer kept as a gold row"),
                    ("regrade_started", "Regrade started"),
                    ("regrade_approved", "Regrade approved"),
                    ("regrade_discarded", "Regrade discarded"),
                    ("backup_taken", "Backup taken"),
                    ("backup_restored", "Backup restored"),
                    ("admin_form", "Form of the admin"),
                    ("data_exported", "Data exported"),
                    ("report_answered", "Report answered"),
                ],
                max_length=20,
            ),
        ),
    ]
