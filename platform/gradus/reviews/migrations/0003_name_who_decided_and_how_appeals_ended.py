"""What older rows lack: a person's score names the person, a closed appeal its outcome, a review its place."""

from django.db import migrations
from django.db.models import F


def name_the_person(apps, schema_editor):
    score, review = apps.get_model("submissions", "Score"), apps.get_model("reviews", "Review")
    for given in score.objects.filter(verified_by="person", person=None).select_related("evaluation"):
        decided = review.objects.filter(submission=given.evaluation.submission_id, decided_by__isnull=False)
        by = decided.order_by("-decided_at").values_list("decided_by", flat=True).first()
        score.objects.filter(pk=given.pk).update(person=by)


def end_appeals(apps, schema_editor):
    appeal, score = apps.get_model("reviews", "Appeal"), apps.get_model("submissions", "Score")
    for made in appeal.objects.order_by("-pk"):
        newer = appeal.objects.filter(submission=made.submission_id, pk__gt=made.pk)
        if made.closed_at is None and not newer.exists():
            continue
        before = score.objects.get(evaluation=made.evaluation_id).shown
        now = score.objects.get(evaluation__submission=made.submission_id, evaluation__is_current=True).shown
        outcome = "kept" if now == before else "raised" if now > before else "lowered"
        ended = made.closed_at or newer.order_by("pk").first().created_at
        appeal.objects.filter(pk=made.pk).update(stage="closed", outcome=outcome, closed_at=ended)


def place_reviews(apps, schema_editor):
    apps.get_model("reviews", "Review").objects.update(place=F("predicted"))


class Migration(migrations.Migration):
    dependencies = [
        ("reviews", "0002_appeals_audits_gold_and_regrades"),
        ("submissions", "0003_released_grades_and_shadow_runs"),
    ]

    operations = [
        migrations.RunPython(name_the_person, migrations.RunPython.noop),
        migrations.RunPython(end_appeals, migrations.RunPython.noop),
        migrations.RunPython(place_reviews, migrations.RunPython.noop),
    ]
