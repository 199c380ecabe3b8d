"""Keeps the cells of gradebooks, what people set in their place, and what challenges are worth."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from gradus.gradebook import triggers


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("classes", "0003_release_rules"),
        ("courses", "0011_uploads"),
        ("submissions", "0018_withhold_grades"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("value", "Points"), ("excused", "Excused")], max_length=7)),
                (
                    "value",
                    models.DecimalField(blank=True, decimal_places=2, max_digits=7, null=True, verbose_name="points"),
                ),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "challenge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="courses.challenge"
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="overrides", to="classes.member"
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Cell",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("none", "none"),
                            ("grading", "grading"),
                            ("waiting", "waiting"),
                            ("failed", "failed"),
                            ("graded", "graded"),
                        ],
                        default="none",
                        max_length=7,
                    ),
                ),
                ("score", models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                ("share", models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                ("raw_share", models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                ("credit", models.DecimalField(decimal_places=4, max_digits=5, null=True)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("is_late", models.BooleanField(default=False)),
                ("waits", models.BooleanField(default=False, help_text="An attempt waits for a person")),
                (
                    "challenge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="courses.challenge"
                    ),
                ),
                (
                    "member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cells", to="classes.member"
                    ),
                ),
                (
                    "submission",
                    models.ForeignKey(
                        help_text="The attempt that counts",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="submissions.submission",
                    ),
                ),
                (
                    "override",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="gradebook.override",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Weight",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("worth", models.DecimalField(decimal_places=2, max_digits=6)),
                (
                    "challenge",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="courses.challenge"
                    ),
                ),
                (
                    "of_class",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="weights", to="classes.class"
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at__isnull", True)), fields=("member", "challenge"), name="one_open_override"
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "value"), ("value__gte", 0), ("value__isnull", False)),
                    models.Q(("kind", "excused"), ("value__isnull", True)),
                    _connector="OR",
                ),
                name="only_a_value_has_points",
            ),
        ),
        migrations.AddConstraint(
            model_name="override",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="override_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="cell",
            constraint=models.UniqueConstraint(fields=("member", "challenge"), name="one_cell"),
        ),
        migrations.AddConstraint(
            model_name="cell",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("credit__isnull", False),
                        ("raw_share__isnull", False),
                        ("share__isnull", False),
                        ("state", "graded"),
                    ),
                    models.Q(
                        models.Q(("state", "graded"), _negated=True),
                        ("credit__isnull", True),
                        ("raw_share__isnull", True),
                        ("share__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="a_graded_cell_has_a_share",
            ),
        ),
        migrations.AddConstraint(
            model_name="cell",
            constraint=models.CheckConstraint(
                condition=models.Q(("share__isnull", True), ("share__gte", 0), _connector="OR"),
                name="a_share_is_not_negative",
            ),
        ),
        migrations.AddConstraint(
            model_name="weight",
            constraint=models.UniqueConstraint(fields=("of_class", "challenge"), name="one_weight"),
        ),
        migrations.AddConstraint(
            model_name="weight",
            constraint=models.CheckConstraint(condition=models.Q(("worth__gte", 0)), name="weight_is_not_negative"),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
