"""A run may repeat an arm of a lesson's finding, and then names finding, arm and repetition.

On the way back such runs become trials: the release before has no other word for them.
"""

from django.db import migrations, models
from django.db.models import Q

PURPOSES = [("trial", "Trial"), ("demo", "Demo"), ("baseline", "Baseline"), ("finding", "Finding")]
NAMED = Q(purpose="finding", repetition__isnull=False, repetition__gte=1) & ~Q(finding="") & ~Q(arm="")
OTHERS = ~Q(purpose="finding") & Q(finding="", arm="", repetition__isnull=True)


def call_them_trials(apps, schema_editor):
    apps.get_model("submissions", "Run").objects.filter(purpose="finding").update(purpose="trial")


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0004_lessons_keep_their_findings"),
        ("submissions", "0011_boards_hold_one_version"),
    ]

    operations = [
        migrations.AddField(
            "run",
            "finding",
            models.CharField(blank=True, help_text="The lesson's finding whose arm it repeats", max_length=64),
        ),
        migrations.AddField("run", "arm", models.CharField(blank=True, max_length=64)),
        migrations.AddField(
            "run",
            "repetition",
            models.PositiveSmallIntegerField(blank=True, help_text="Which of the arm's, from 1", null=True),
        ),
        migrations.AlterField("run", "purpose", models.CharField(choices=PURPOSES, default="trial", max_length=10)),
        migrations.RunPython(migrations.RunPython.noop, call_them_trials),
        migrations.AddConstraint(
            "run",
            models.CheckConstraint(condition=NAMED | OTHERS, name="a_findings_run_names_arm_and_repetition"),
        ),
    ]
