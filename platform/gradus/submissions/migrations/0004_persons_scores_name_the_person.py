from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("submissions", "0003_released_grades_and_shadow_runs"),
        ("reviews", "0003_name_who_decided_and_how_appeals_ended"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="score",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("verified_by", "person"), _negated=True),
                    ("verified_by__isnull", True),
                    ("person__isnull", False),
                    _connector="OR",
                ),
                name="a_persons_score_names_the_person",
            ),
        ),
    ]
