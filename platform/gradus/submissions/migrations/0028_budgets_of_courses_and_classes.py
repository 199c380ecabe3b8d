"""Adds budgets of courses and classes, with what is used and held of them."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

from gradus.submissions import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0006_forget_deleted_accounts"),
        ("courses", "0012_reveal_private_ranks"),
        ("submissions", "0027_fill_approaches"),
    ]

    operations = [
        migrations.CreateModel(
            name="Quota",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("attempts", "Attempts of each learner"),
                            ("training", "Training time"),
                            ("calls", "Calls to the judge"),
                            ("money", "Money for the judge"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "period",
                    models.CharField(
                        choices=[("day", "each day"), ("month", "each month"), ("whole", "in all")], max_length=5
                    ),
                ),
                ("allowed", models.PositiveBigIntegerField()),
                ("set_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                (
                    "course",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quotas",
                        to="courses.course",
                    ),
                ),
                (
                    "of_class",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quotas",
                        to="classes.class",
                    ),
                ),
            ],
            options={
                "ordering": ["pk"],
            },
        ),
        migrations.CreateModel(
            name="QuotaUse",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "period",
                    models.CharField(blank=True, help_text="The first day of it, or empty for all time", max_length=10),
                ),
                ("used", models.PositiveBigIntegerField(default=0)),
                ("held", models.PositiveBigIntegerField(default=0)),
                (
                    "quota",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="uses", to="submissions.quota"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="QuotaHold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", models.PositiveBigIntegerField()),
                (
                    "evaluation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="quota_holds",
                        to="submissions.evaluation",
                    ),
                ),
                (
                    "use",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="holds", to="submissions.quotause"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("course__isnull", True), ("of_class__isnull", False)),
                    models.Q(("course__isnull", False), ("of_class__isnull", True)),
                    _connector="OR",
                ),
                name="a_quota_is_of_a_course_or_a_class",
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("course", "what"), name="one_quota_of_a_course"
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("of_class", "what"), name="one_quota_of_a_class"
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("what", "attempts"), _negated=True), ("period", "day"), _connector="OR"),
                name="attempts_are_those_of_a_day",
            ),
        ),
        migrations.AddConstraint(
            model_name="quota",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("period__in", ["day", "month", "whole"]), ("what__in", ["attempts", "training", "calls", "money"])
                ),
                name="a_quota_is_of_a_kind",
            ),
        ),
        migrations.AddConstraint(
            model_name="quotause",
            constraint=models.UniqueConstraint(fields=("quota", "period"), name="one_use_of_a_period"),
        ),
        migrations.RunPython(triggers.install_quotas, triggers.remove_quotas),
    ]
