import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import gradus.classes.models
from gradus.classes import triggers


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        # Its triggers name the table of accounts, which these migrations make anew.
        ("accounts", "0008_one_role_on_two_axes"),
        ("courses", "0011_uploads"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Class",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("title", models.CharField(max_length=120, verbose_name="title")),
                (
                    "timezone",
                    models.CharField(
                        max_length=64, validators=[gradus.classes.models.known_timezone], verbose_name="time zone"
                    ),
                ),
                ("begins_at", models.DateTimeField(blank=True, null=True, verbose_name="begin")),
                ("ends_at", models.DateTimeField(blank=True, null=True, verbose_name="end")),
                (
                    "join_code",
                    models.CharField(blank=True, help_text="None is off", max_length=20, null=True, unique=True),
                ),
                ("join_code_until", models.DateTimeField(blank=True, null=True)),
                (
                    "points",
                    models.CharField(
                        choices=[
                            ("share", "The share of the best possible score"),
                            ("pass", "All points for passing, and none otherwise"),
                            ("steps", "Steps of your own"),
                        ],
                        default="share",
                        max_length=5,
                    ),
                ),
                (
                    "steps",
                    models.JSONField(
                        blank=True, default=list, help_text="Objects with `from`, a score, and `points`, a share"
                    ),
                ),
                (
                    "board",
                    models.CharField(
                        choices=[
                            ("off", "Nobody"),
                            ("staff", "Only the people who teach the class"),
                            ("members", "Everybody in the class"),
                        ],
                        default="off",
                        max_length=7,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "course",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="classes", to="courses.course"
                    ),
                ),
                (
                    "created_by",
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
                "verbose_name_plural": "classes",
            },
        ),
        migrations.CreateModel(
            name="Label",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, verbose_name="name")),
                (
                    "of_class",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="labels", to="classes.class"
                    ),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Member",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "email",
                    models.CharField(
                        blank=True, help_text="In lower case", max_length=254, verbose_name="email address"
                    ),
                ),
                ("login", models.CharField(blank=True, max_length=120, verbose_name="login")),
                (
                    "registration_number",
                    models.CharField(blank=True, max_length=120, verbose_name="registration number"),
                ),
                ("first_name", models.CharField(blank=True, max_length=120, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=120, verbose_name="last name")),
                (
                    "learner_data",
                    models.CharField(
                        choices=[("none", "None"), ("viewer", "Viewer"), ("editor", "Editor")],
                        default="none",
                        max_length=6,
                        verbose_name="role",
                    ),
                ),
                (
                    "state",
                    models.CharField(choices=[("active", "Active"), ("left", "Left")], default="active", max_length=6),
                ),
                (
                    "joined_via",
                    models.CharField(
                        choices=[
                            ("code", "Code"),
                            ("invitation", "Invitation"),
                            ("roster", "Roster"),
                            ("hand", "By hand"),
                        ],
                        default="hand",
                        max_length=10,
                    ),
                ),
                ("joined_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("left_at", models.DateTimeField(blank=True, null=True)),
                (
                    "invited_at",
                    models.DateTimeField(blank=True, help_text="When the last invitation was mailed", null=True),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("labels", models.ManyToManyField(blank=True, related_name="members", to="classes.label")),
                (
                    "of_class",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="members", to="classes.class"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="class",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("begins_at", None), ("ends_at", None), ("ends_at__gt", models.F("begins_at")), _connector="OR"
                ),
                name="class_ends_after_it_begins",
                violation_error_message="The class would end before it begins.",
            ),
        ),
        migrations.AddConstraint(
            model_name="class",
            constraint=models.CheckConstraint(
                condition=models.Q(("title", ""), _negated=True), name="class_has_a_title"
            ),
        ),
        migrations.AddConstraint(
            model_name="class",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("join_code", None), ("join_code_until", None)),
                    models.Q(("join_code__isnull", False), ("join_code_until__isnull", False)),
                    _connector="OR",
                ),
                name="class_join_code_has_an_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="class",
            constraint=models.CheckConstraint(
                condition=models.Q(("join_code", ""), _negated=True), name="class_join_code_is_not_empty"
            ),
        ),
        migrations.AddConstraint(
            model_name="class",
            constraint=models.CheckConstraint(
                condition=models.Q(("points__in", ["share", "pass", "steps"])), name="class_points_is_a_choice"
            ),
        ),
        migrations.AddConstraint(
            model_name="class",
            constraint=models.CheckConstraint(
                condition=models.Q(("board__in", ["off", "staff", "members"])), name="class_board_is_a_choice"
            ),
        ),
        migrations.AddConstraint(
            model_name="label",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("name"),
                models.F("of_class"),
                name="one_label_of_a_name",
                violation_error_message="The class has a label of this name.",
            ),
        ),
        migrations.AddConstraint(
            model_name="label",
            constraint=models.CheckConstraint(condition=models.Q(("name", ""), _negated=True), name="label_has_a_name"),
        ),
        migrations.AddIndex(
            model_name="member",
            index=models.Index(
                condition=models.Q(("state", "active")), fields=["user", "of_class"], name="active_members"
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(fields=("of_class", "user"), name="one_membership_of_an_account"),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.UniqueConstraint(
                condition=models.Q(("email", ""), _negated=True),
                fields=("of_class", "email"),
                name="one_membership_of_an_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("user__isnull", False), models.Q(("email", ""), _negated=True), _connector="OR"),
                name="member_has_an_account_or_an_address",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("email", django.db.models.functions.text.Lower("email"))),
                name="member_email_is_lower_case",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("learner_data__in", ["none", "viewer", "editor"])),
                name="member_learner_data_is_a_level",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("left_at", None), ("state", "active")),
                    models.Q(("left_at__isnull", False), ("state", "left")),
                    _connector="OR",
                ),
                name="member_state_and_time_agree",
            ),
        ),
        migrations.AddConstraint(
            model_name="member",
            constraint=models.CheckConstraint(
                condition=models.Q(("joined_via__in", ["code", "invitation", "roster", "hand"])),
                name="member_joined_in_some_way",
            ),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
