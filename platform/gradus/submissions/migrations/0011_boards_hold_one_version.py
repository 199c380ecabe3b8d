"""Standings name the version that they were made by, one for each version that a learner has a score on.

SQLite makes the table of standings anew, and a trigger that writes to it stands in the way, so it is made anew too.
"""

from importlib import import_module

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Exists, OuterRef, Subquery
from django.db.models.functions import Coalesce

trigger = import_module("gradus.submissions.migrations.0006_boards_and_queues_of_a_million")


def name_versions(apps, schema_editor):
    standings = apps.get_model("submissions", "Standing").objects
    evaluations = apps.get_model("submissions", "Evaluation").objects.filter(is_current=True)
    submissions = apps.get_model("submissions", "Submission").objects
    regraded = evaluations.filter(submission=OuterRef("submission")).values("against")[:1]
    own = submissions.filter(pk=OuterRef("submission")).values("version")[:1]
    standings.update(version_id=Coalesce(Subquery(regraded), Subquery(own)))
    add_versions(apps, standings)
    if schema_editor.connection.vendor == "postgresql":
        # Else the table could not be altered: checks of its new rows would still wait.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def add_versions(apps, standings):
    """So far a learner had one standing, of the best version; the others' boards lack theirs."""
    owner = "evaluation__submission__"
    named = standings.filter(
        user=OuterRef(f"{owner}user"), challenge=OuterRef(f"{owner}challenge"), track=OuterRef(f"{owner}kind"),
        version=OuterRef("graded_by"),
    )  # fmt: skip
    scores = apps.get_model("submissions", "Score").objects.filter(
        evaluation__is_current=True, evaluation__submission__isnull=False
    )
    scores = scores.annotate(graded_by=Coalesce("evaluation__against", f"{owner}version")).exclude(Exists(named))
    order = ("-passed", "provisional", "-shown", "created_at", "evaluation_id")
    done = set()
    for score in scores.select_related("evaluation__submission__user").order_by(*order).iterator():
        submission = score.evaluation.submission
        mine = (submission.user_id, submission.challenge_id, submission.kind, score.graded_by)
        if mine not in done:
            done.add(mine)
            names = ("user_id", "challenge_id", "track", "version_id")
            standings.create(**dict(zip(names, mine, strict=True)), **values_of(score))


def values_of(score):
    submission = score.evaluation.submission
    copied = ("shown", "private_value", "passed", "gold", "provisional")
    return {
        "submission": submission,
        **{name: getattr(score, name) for name in copied},
        "ranked": not score.provisional and submission.user.is_active and not submission.user.is_guest,
        "cost": (score.evaluation.result or {}).get("cost", {}),
        "reached_at": score.created_at,
    }


def keep_the_best(apps, schema_editor):
    """Back to one standing of each learner and track."""
    standings = apps.get_model("submissions", "Standing").objects
    done = set()
    order = ("-passed", "provisional", "-shown", "reached_at", "pk")
    for row in standings.order_by(*order).values_list("pk", "user_id", "challenge_id", "track"):
        if row[1:] in done:
            standings.filter(pk=row[0]).delete()
        done.add(row[1:])
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def version(**options):
    return models.ForeignKey(
        on_delete=django.db.models.deletion.CASCADE,
        related_name="standings",
        to="courses.challengeversion",
        **options,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("courses", "0003_versions_name_one_content"),
        ("submissions", "0010_code_settles_a_grade"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunPython(trigger.remove, trigger.install),
        migrations.RemoveConstraint(model_name="standing", name="one_standing"),
        migrations.RemoveIndex(model_name="standing", name="board"),
        migrations.AddField(model_name="standing", name="version", field=version(null=True)),
        migrations.RunPython(name_versions, keep_the_best),
        migrations.AlterField(model_name="standing", name="version", field=version()),
        migrations.AddIndex(
            model_name="standing",
            index=models.Index(
                condition=models.Q(("ranked", True)),
                fields=["version", "track", "-shown", "reached_at", "id"],
                name="board",
            ),
        ),
        migrations.AddConstraint(
            model_name="standing",
            constraint=models.UniqueConstraint(fields=("user", "challenge", "track", "version"), name="one_standing"),
        ),
        migrations.RunPython(trigger.install, trigger.remove),
    ]
