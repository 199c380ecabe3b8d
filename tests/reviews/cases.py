"""Answers in the states that reviews are about, made through the services that make them on the site."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from challenges import texts
from gradus.accounts.models import User
from gradus.courses.models import Calibration
from gradus.reviews.models import Review
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Submission
from tests import factories

MARKS = {"cause": "partial", "remedy": "met", "no-myth": "met"}
ALL_MET = dict.fromkeys(MARKS, "met")
NONE_MET = dict.fromkeys(MARKS, "not_met")
NEAR = {"likeness": 0.91, "answer": "A graded answer about stale facts.", "marks": ALL_MET}


def marks(given: dict[str, str] = MARKS, **changes: str) -> list[dict[str, Any]]:
    """As a worker records them."""
    quotes = {"cause": ["weights keep old facts"]}
    return [
        {"id": id, "label": id, "mark": mark, "points": 1.0, "points_max": 50, "evidence": quotes.get(id, [])}
        for id, mark in {**given, **changes}.items()
    ]


def result(given: dict[str, str] = MARKS, **changes: str) -> dict[str, Any]:
    return {"marks": marks(given, **changes), "public": {"rows": []}, "metrics": {}, "cost": {}, "training": {}}


def score(given: dict[str, str]) -> float:
    """Of the tiny course's rubric: 50, 30 and 20 points."""
    value = {"met": 1.0, "partial": 0.5, "not_met": 0.0, "cannot_tell": 0.0}
    return sum(value[given[id]] * points for id, points in (("cause", 50), ("remedy", 30), ("no-myth", 20))) / 100


JUDGE = ("judge-1", "criteria-1 0123456789ab")


def passed_judge() -> tuple[str, str]:
    """A judge that has passed the gate on the tiny course's question: its model and template."""
    version = factories.challenge("explain").version
    Calibration.objects.get_or_create(version=version, model=JUDGE[0], template=JUDGE[1], defaults={"passed": True})
    return JUDGE


def submit(user: User, answer: str = factories.FREE_TEXT["answer"], **options: Any) -> Submission:
    return factories.submit(user, "explain", {"kind": "free_text", "answer": answer}, **options)


def waiting(user: User, given: dict[str, str] = MARKS, **outcome: Any) -> Review:
    """An answer that the machine graded provisionally."""
    submission = submit(user)
    raw = {"private": {"nearest": [NEAR], "flags": ["encoded"], "problems": ["no_endpoint"], "votes": [given]}}
    name = storages["private"].save(f"raw/{submission.pk}/1.json", ContentFile(json.dumps(raw).encode()))
    values = {"provisional": True, "review": ("provisional",), "raw": name, "result": result(given), **outcome}
    factories.grade(submission, score(given), **values)
    return Review.objects.get(submission=submission)


def final(user: User, given: dict[str, str] = MARKS, **outcome: Any) -> Submission:
    """An answer that a judge graded finally."""
    if "judge" not in outcome:
        outcome["judge"] = passed_judge()
    submission = submit(user, outcome.pop("answer", factories.FREE_TEXT["answer"]))
    factories.grade(submission, score(given), result=result(given), **outcome)
    return submission


def work_off(given: dict[str, str], **outcome: Any) -> Evaluation:
    """A worker grades whatever is next in the judge's lane."""
    claimed = services.claim("judge", worker="worker-1", profile="cpu/float32/1")
    assert claimed is not None
    values = {"result": result(given), "judge": passed_judge(), **outcome}
    return services.record(claimed.pk, claimed.fence, services.Outcome(score=score(given), **values))


def history(by: User, results: Iterable[tuple[float, bool]], judge: str = "", **changes: Any) -> list[Review]:
    """Answers to the tiny course's question that a person has decided, written at once.

    Each result is the certainty that the machine stated, and whether its marks were right. `changes` are fields of the
    reviews.
    """
    asked = factories.challenge("explain")
    known = list(results)
    learners = User.objects.bulk_create(
        User(username=f"past-{n}", pseudonym=f"past {n}", email=f"past-{n}@example.org")
        for n in range(User.objects.count(), User.objects.count() + len(known))
    )
    submissions = Submission.objects.bulk_create(
        Submission(
            user=learner,
            challenge=asked,
            version=asked.version,
            kind="free_text",
            payload={"kind": "free_text", "answer": f"The answer of {learner}."},
            text_digest=texts.digest(f"The answer of {learner}."),
            idempotency_key=learner.username,
        )
        for learner in learners
    )
    evaluations = Evaluation.objects.bulk_create(
        Evaluation(submission=one, state="review", lane="judge", result=result(), is_current=True)
        for one in submissions
    )
    return Review.objects.bulk_create(
        Review(
            **{
                "submission": one.submission,
                "evaluation": one,
                "predicted": score(MARKS),
                "judge": judge,
                "certainty": stated,
                "decided_at": timezone.now(),
                "decided_by": by,
                "marks": MARKS if is_right else {**MARKS, "remedy": "not_met"},
                **changes,
            }
        )
        for one, (stated, is_right) in zip(evaluations, known, strict=True)
    )
