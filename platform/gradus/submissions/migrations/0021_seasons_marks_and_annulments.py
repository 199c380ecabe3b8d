"""Adds seasons of leaderboards, marks on their entries, and annulments of attempts."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from gradus.submissions import triggers


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0011_uploads"),
        ("submissions", "0020_keep_used_grants"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(triggers.remove, triggers.install),
        migrations.CreateModel(
            name="Annulment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Mark",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("flag", "Flag"), ("hidden", "Hidden")], max_length=6)),
                ("reason", models.CharField(max_length=500, verbose_name="reason")),
                ("made_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("ended_at", models.DateTimeField(editable=False, null=True)),
                ("answer", models.TextField(blank=True, default="", max_length=2000, verbose_name="answer")),
                ("answered_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "ordering": ["-pk"],
            },
        ),
        migrations.CreateModel(
            name="Season",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveSmallIntegerField()),
                ("title", models.CharField(max_length=80, verbose_name="title")),
                ("began_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                "ordering": ["challenge", "number"],
            },
        ),
        migrations.RemoveConstraint(
            model_name="standing",
            name="one_standing",
        ),
        migrations.RemoveIndex(
            model_name="standing",
            name="board",
        ),
        migrations.AddField(
            model_name="standing",
            name="season",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="submission",
            name="annulled",
            field=models.BooleanField(
                db_default=False, default=False, editable=False, help_text="A person decided that it counts nowhere"
            ),
        ),
        migrations.AddField(
            model_name="submission",
            name="season",
            field=models.PositiveSmallIntegerField(
                db_default=0,
                default=0,
                editable=False,
                help_text="The season of the leaderboards in which it was submitted",
            ),
        ),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                condition=models.Q(("provisional", False)),
                fields=["version", "track", "season", "-shown", "reached_at", "id", "user"],
                name="board",
            ),
        ),
        migrations.AddConstraint(
            model_name="standing",
            constraint=models.UniqueConstraint(
                fields=("user", "challenge", "track", "version", "season"), name="one_standing"
            ),
        ),
        migrations.AddField(
            model_name="annulment",
            name="ended_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="annulment",
            name="made_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="annulment",
            name="submission",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="annulments", to="submissions.submission"
            ),
        ),
        migrations.AddField(
            model_name="mark",
            name="challenge",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="marks_on_boards", to="courses.challenge"
            ),
        ),
        migrations.AddField(
            model_name="mark",
            name="ended_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="mark",
            name="made_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="mark",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="marks_on_boards", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="season",
            name="begun_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="season",
            name="challenge",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="seasons", to="courses.challenge"
            ),
        ),
        migrations.AddConstraint(
            model_name="annulment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("submission",), name="one_annulment"
            ),
        ),
        migrations.AddConstraint(
            model_name="annulment",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="annulment_has_a_reason"
            ),
        ),
        migrations.AddIndex(
            model_name="mark",
            index=models.Index(
                condition=models.Q(("ended_at", None), ("kind", "hidden")),
                fields=["challenge", "user"],
                name="hidden_entries",
            ),
        ),
        migrations.AddConstraint(
            model_name="mark",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("user", "challenge", "kind"), name="one_mark_of_a_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="mark",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["flag", "hidden"])), name="mark_is_of_a_kind"
            ),
        ),
        migrations.AddConstraint(
            model_name="mark",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="mark_has_a_reason"
            ),
        ),
        migrations.AddConstraint(
            model_name="mark",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("answer", ""), ("answered_at", None)), ("kind", "hidden"), _connector="OR"
                ),
                name="only_who_is_hidden_answers",
            ),
        ),
        migrations.AddConstraint(
            model_name="season",
            constraint=models.UniqueConstraint(fields=("challenge", "number"), name="one_season_of_a_number"),
        ),
        migrations.AddConstraint(
            model_name="season",
            constraint=models.CheckConstraint(condition=models.Q(("number__gte", 1)), name="season_0_has_no_row"),
        ),
        migrations.RunPython(triggers.install_boards, triggers.remove_boards),
    ]
