"""Keeps each content of a course as a version, and the board of an earlier version of a challenge."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from gradus.courses import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0008_keep_what_workers_verify"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        # Last of all on the way back, where SQLite makes the table of challenges anew, without its triggers.
        migrations.RunPython(migrations.RunPython.noop, triggers.install_again),
        migrations.AddField(
            model_name="challenge",
            name="board_version",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="courses.challengeversion",
            ),
        ),
        migrations.AddField(
            model_name="challengeversion",
            name="goes_live",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Whether it is published once it is verified; not in a course's draft",
            ),
        ),
        migrations.AlterField(
            model_name="course",
            name="digest",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AlterField(
            model_name="course",
            name="version",
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.CreateModel(
            name="CourseVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=20)),
                ("digest", models.CharField(max_length=64)),
                (
                    "archive",
                    models.CharField(blank=True, help_text="SHA-256 of the zip in private storage", max_length=64),
                ),
                ("archive_bytes", models.PositiveBigIntegerField(default=0)),
                (
                    "contents",
                    models.JSONField(
                        default=list, help_text="Id and digest of each challenge, in the order of the path"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Draft"),
                            ("published", "Published"),
                            ("replaced", "Replaced by a later draft or by an import"),
                            ("discarded", "Discarded"),
                        ],
                        default="draft",
                        max_length=9,
                    ),
                ),
                ("pushed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("published_at", models.DateTimeField(blank=True, null=True)),
                (
                    "ended_at",
                    models.DateTimeField(blank=True, help_text="When the draft was replaced or discarded", null=True),
                ),
                (
                    "difference",
                    models.JSONField(
                        default=dict, help_text="To what was live when it was pushed, without hidden rows"
                    ),
                ),
                (
                    "not_checked",
                    models.JSONField(default=list, help_text="What lint could not check where it was pushed"),
                ),
                ("note", models.CharField(blank=True, max_length=300)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="courses.course"
                    ),
                ),
                (
                    "published_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "pushed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["course", "-pk"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "draft")), fields=("course",), name="one_draft_of_a_course"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at", None), ("published_at", None), ("state", "draft")),
                            models.Q(("ended_at", None), ("published_at__isnull", False), ("state", "published")),
                            models.Q(
                                ("ended_at__isnull", False),
                                ("published_at", None),
                                ("state__in", ["replaced", "discarded"]),
                            ),
                            _connector="OR",
                        ),
                        name="state_and_times_of_a_course_version_agree",
                    ),
                ],
            },
        ),
        migrations.RunPython(triggers.install_versions, triggers.remove_versions),
    ]
