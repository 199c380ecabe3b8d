"""Says when the learners of a class see their grades."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("classes", "0002_dates"),
        ("courses", "0011_uploads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ReleaseRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "score",
                    models.CharField(
                        choices=[("now", "At once"), ("date", "At a date"), ("hand", "When I release them")],
                        default="now",
                        max_length=4,
                        verbose_name="Score",
                    ),
                ),
                ("score_at", models.DateTimeField(blank=True, null=True, verbose_name="Date of the score")),
                (
                    "details",
                    models.CharField(
                        choices=[("now", "At once"), ("date", "At a date"), ("hand", "When I release them")],
                        default="now",
                        max_length=4,
                        verbose_name="Details",
                    ),
                ),
                ("details_at", models.DateTimeField(blank=True, null=True, verbose_name="Date of the details")),
                ("released_score_at", models.DateTimeField(blank=True, editable=False, null=True)),
                ("released_details_at", models.DateTimeField(blank=True, editable=False, null=True)),
                (
                    "challenge",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="courses.challenge",
                    ),
                ),
                (
                    "of_class",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="release_rules", to="classes.class"
                    ),
                ),
                (
                    "released_details_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "released_score_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("of_class", "challenge"), name="one_release_rule_of_a_challenge"),
                    models.UniqueConstraint(
                        condition=models.Q(("challenge__isnull", True)),
                        fields=("of_class",),
                        name="one_release_rule_of_a_class",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("score", "date"), ("score_at__isnull", False)),
                            models.Q(("score__in", ["now", "hand"]), ("score_at", None)),
                            _connector="OR",
                        ),
                        name="a_score_is_released_at_a_date",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("details", "date"), ("details_at__isnull", False)),
                            models.Q(("details__in", ["now", "hand"]), ("details_at", None)),
                            _connector="OR",
                        ),
                        name="details_are_released_at_a_date",
                    ),
                ],
            },
        ),
    ]
