"""Blind audits: drawn by code, marked without the machine's marks, and only those count as accuracy."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from gradus.accounts.models import ApiToken, User
from gradus.courses.models import Challenge
from gradus.reviews import accuracy, queue, services
from gradus.reviews.models import JudgeCall, Review
from gradus.reviews.services import opening
from gradus.submissions import services as submissions
from gradus.submissions.models import Evaluation
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET


@pytest.fixture
def drawn(settings: Settings) -> None:
    settings.AUDIT_SHARE = settings.AUDIT_SHARE_NEW = 1.0


@pytest.fixture
def audit(drawn: None, ada: User, explain: Challenge) -> Review:
    cases.final(ada, notes={"language": "en"})
    return Review.objects.get()


def test_a_final_grade_may_be_drawn(audit: Review) -> None:
    assert (audit.kind, audit.reasons, audit.is_blind) == ("audit", ["audit"], True)
    assert audit.evaluation.state == "scored"
    assert audit.submission.current.score.verified_by == "ai"


def test_what_waits_anyway_and_what_code_computes_is_not_drawn(drawn: None, ada: User, explain: Challenge) -> None:
    factories.grade(factories.submit(ada), 0.9)
    assert not Review.objects.exists()
    assert cases.waiting(ada).kind == "review"
    assert Review.objects.count() == 1


def judged(user: User, model: str) -> Evaluation:
    submission = cases.submit(user)
    call = JudgeCall.objects.create(evaluation=submission.current, key="k", template="t", model=model, request={})
    return factories.grade(submission, 1.0, result=cases.result(ALL_MET), notes={"calls": [call.pk], "language": "de"})


def test_new_judges_are_audited_more_often(ada: User, grace: User, explain: Challenge, settings: Settings) -> None:
    learners = factories.UserFactory.create_batch(opening.NEW_UNTIL)
    settings.AUDIT_SHARE_NEW = 1.0
    first = judged(ada, "judge-1")
    review = Review.objects.get()
    assert (review.judge, review.language) == ("judge-1", "de")
    settings.AUDIT_SHARE, settings.AUDIT_SHARE_NEW = 0.0, 0.0
    others = [judged(learner, "judge-1") for learner in learners]
    settings.AUDIT_SHARE, settings.AUDIT_SHARE_NEW = 0.05, 0.2
    for other in others:
        assert opening.audit_share(first, "judge-1") == 0.2
        review = opening.create(other, kind="audit", reasons=["audit"], predicted=1, place=0, notes=notes_of(other))
        services.mark_blind(review, by=grace, marks=ALL_MET)
    assert opening.audit_share(first, "judge-1") == 0.05
    assert opening.audit_share(first, "judge-2") == 0.2


def notes_of(evaluation: Evaluation) -> dict[str, Any]:
    return {"calls": list(evaluation.judge_calls.values_list("pk", flat=True)), "language": "de"}


def test_the_draw_has_its_share(
    ada: User, explain: Challenge, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 400 draws at 20 % about 80, within four standard errors; the seed only makes the test the same each time."""
    settings.AUDIT_SHARE_NEW = 0.2
    monkeypatch.setattr(opening, "DRAW", random.Random(5))
    evaluation = cases.final(ada).current
    Review.objects.all().delete()
    hits = 0
    for _ in range(400):
        opening.open_for(evaluation, [], 0.74, {})
        hits += Review.objects.all().delete()[0]
    assert 80 - 32 <= hits <= 80 + 32


def test_no_call_shows_the_machines_marks(audit: Review, grace: User) -> None:
    headers = {"Authorization": f"Bearer {ApiToken.issue(grace, 'tests', factories.REVIEWING)[1]}"}
    listed = Client().get("/api/v1/reviews", headers=headers).json()
    shown = Client().get(f"/api/v1/reviews/{audit.pk}", headers=headers).json()
    assert [(one["blind"], one["predicted"]) for one in (*listed, shown)] == [(True, None)] * 2
    assert [(line["machine"], line["quotes"], line["votes"]) for line in shown["criteria"]] == [(None, [], [])] * 3
    assert shown["flags"] == []


def test_the_machines_marks_cannot_be_accepted_unseen(audit: Review, grace: User) -> None:
    with pytest.raises(Refused) as refused:
        services.decide(audit, by=grace, marks=MARKS, reason="")
    assert refused.value.code == "blind_first"
    with pytest.raises(IntegrityError, match="an_audit_is_marked_blind_first"), transaction.atomic():
        Review.objects.filter(pk=audit.pk).update(decided_at=audit.opened_at, decided_by=grace)


def test_its_place_in_the_queue_tells_nothing(
    drawn: None, ada: User, bob: User, grace: User, explain: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "DRAW", random.Random(1))
    cases.final(ada, NONE_MET)
    review = Review.objects.get()
    assert review.place not in (0.0, review.predicted)
    cases.waiting(bob, {**NONE_MET, "cause": "partial", "no-myth": "met"})
    assert set(queue.waiting_for(grace)) == set(Review.objects.all())


def test_blind_marks_are_given_once(audit: Review, grace: User) -> None:
    services.mark_blind(audit, by=grace, marks=ALL_MET)
    with pytest.raises(Refused) as refused:
        services.mark_blind(audit, by=grace, marks=NONE_MET)
    assert refused.value.status == 409
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Review.objects.filter(pk=audit.pk).update(blind_marks=NONE_MET)


def test_an_audit_of_what_a_person_decided_meanwhile_only_counts(audit: Review, grace: User) -> None:
    other = factories.UserFactory.create(is_staff=True)
    submissions.decide(audit.submission, by=other, value=1.0, result={})
    services.mark_blind(audit, by=grace, marks=NONE_MET)
    audit.refresh_from_db()
    assert audit.decided_by == grace
    assert audit.submission.current.score.person == other


def test_only_blind_marks_make_the_estimate(audit: Review, bob: User, grace: User) -> None:
    assert accuracy.report(grace).total is None
    services.decide(cases.waiting(bob), by=grace, marks=ALL_MET, reason="")
    assert accuracy.report(grace).total is None
    services.mark_blind(audit, by=grace, marks={**NONE_MET})
    total = accuracy.report(grace).total
    assert total is not None
    assert (total.answers, total.same_verdict, total.same_marks) == (1, 0.0, 0.0)
    assert total.bias == pytest.approx(0.75) and total.mae == pytest.approx(0.75)
