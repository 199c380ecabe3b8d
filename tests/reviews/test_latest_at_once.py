"""Submitting, grading, deciding and appealing at the same moment: a decision or a withdrawal happens, never both."""

from __future__ import annotations

import random
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from gradus.accounts.models import User
from gradus.courses.models import ChallengeVersion
from gradus.reconciling import invariants
from gradus.reviews import services
from gradus.reviews.models import Appeal, Review
from gradus.submissions import services as submissions
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Refund, Slot, Submission
from gradus.submissions.results.standings import differences
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS
from tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
FIRST = factories.FREE_TEXT["answer"]
SECOND = f"{FIRST} A look-up costs a search for each question."


@pytest.fixture(autouse=True)
def course(transactional_db: None, tmp_path: Path) -> None:
    factories.tiny_course(tmp_path / "tiny")
    version = factories.challenge("explain").version
    assert version is not None
    spec = {**version.spec, "limits": {**version.spec["limits"], "attempts_per_day": 100}}
    ChallengeVersion.objects.filter(pk=version.pk).update(spec=spec)


def hand_in(user: User, answer: str, *, agreed: bool = True) -> Submission:
    payload = {"kind": "free_text", "answer": answer}
    key = f"at-once-{next(factories.KEYS)}"
    challenge = factories.challenge("explain")
    made, _ = submissions.submit(user, challenge, payload, idempotency_key=key, withdraw_earlier=agreed)
    return made


def record(evaluation: Evaluation) -> None:
    outcome = submissions.Outcome(score=cases.score(MARKS), result=cases.result(), provisional=True)
    submissions.record(evaluation.pk, evaluation.fence, outcome)


def claimed() -> Evaluation | None:
    return submissions.claim("judge", worker="worker-1", profile="cpu/float32/1")


def settled(user: User) -> None:
    """Each attempt ended in one way, and all that is counted agrees with that."""
    assert differences() == [] and invariants.everywhere() == {}
    for review in Review.objects.filter(submission__user=user).select_related("submission"):
        current = review.submission.current
        if review.withdrawn_at is not None:
            assert review.decided_at is None and current.error_code in ("withdrawn", "withdrawn_late")
        elif review.decided_at is not None:
            assert current.grader == "person"
        else:
            assert current.state == "review"
    withdrawn = Evaluation.objects.filter(submission__user=user, error_code="withdrawn", is_current=True)
    assert Refund.objects.filter(submission__user=user).count() == withdrawn.count()
    attempts = Submission.objects.filter(user=user).count()
    assert Slot.objects.of(limits.ATTEMPTS).filter(user=user).count() == attempts - withdrawn.count()


def test_two_tabs_cannot_both_submit_without_agreement(ada: User) -> None:
    texts = (FIRST, SECOND)

    def submit(number: int) -> str:
        try:
            hand_in(ada, texts[number % 2], agreed=False)
            return "taken"
        except Refused as refused:
            return refused.code

    assert sorted(at_once(submit, 2)) == ["earlier_waits", "taken"]
    assert Submission.objects.count() == Slot.objects.of(limits.ATTEMPTS).count() == 1


@pytest.mark.parametrize("other", ["decide", "appeal"])
def test_of_a_withdrawal_and_a_decision_or_an_appeal_one_happens(other: str) -> None:
    learners = factories.UserFactory.create_batch(6)
    reviewer = factories.UserFactory.create(is_staff=True)
    earlier = []
    for user in learners:
        factories.grade(hand_in(user, FIRST), 0.5, result=cases.result(), provisional=True)
        earlier.append(Review.objects.get(submission__user=user))
    for user in learners:
        hand_in(user, SECOND)
    later = {one.submission.user_id: one for one in (claimed() for _ in learners) if one and one.submission}

    def act(number: int) -> str:
        review = Review.objects.get(pk=earlier[number // 2].pk)
        try:
            if number % 2:
                record(later[review.submission.user_id])
            elif other == "decide":
                services.decide(review, by=reviewer, marks=ALL_MET, reason="")
            else:
                services.appeal(review.submission, "It names the cause.")
            return "done"
        except Refused as refused:
            return refused.code

    results = at_once(act, 2 * len(learners))
    assert set(results[1::2]) == {"done"}
    for result, review in zip(results[::2], earlier, strict=True):
        review.refresh_from_db()
        lost = {"decide": "withdrawn", "appeal": "no_grade"}[other]
        assert result == (lost if review.withdrawn_at else "done")
        assert Appeal.objects.filter(submission=review.submission).exists() == (result == "done" and other == "appeal")
        settled(review.submission.user)


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_at_once_nothing_is_lost(seed: int, ada: User) -> None:
    tabs, reviewers = 2, 2
    people = factories.UserFactory.create_batch(reviewers, is_staff=True)
    finished = [Event() for _ in range(tabs)]
    refusals: list[str] = []

    def submit_and_grade(number: int, draw: random.Random) -> None:
        try:
            for _ in range(5):
                hand_in(ada, draw.choice((FIRST, SECOND)))
                while (evaluation := claimed()) is not None:
                    record(evaluation)
        finally:
            finished[number].set()

    def review(number: int, draw: random.Random) -> None:
        while not all(one.is_set() for one in finished):
            found: list[Any] = list(Review.objects.undecided())
            if not found:
                continue
            try:
                services.decide(draw.choice(found), by=people[number - tabs], marks=ALL_MET, reason="")
            except Refused as refused:
                refusals.append(refused.code)

    def act(number: int) -> None:
        draw = random.Random(10 * seed + number)
        (submit_and_grade if number < tabs else review)(number, draw)

    at_once(act, tabs + reviewers)
    assert set(refusals) <= {"withdrawn", "decided"}
    assert Review.objects.filter(submission__user=ada).count() == 5 * tabs
    assert Review.objects.waiting().count() <= 1
    settled(ada)


def test_a_regrade_and_a_decision_of_equal_texts_do_not_wait_for_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account that is younger answered first, so an order by answers is not an order by accounts."""
    older, younger = factories.UserFactory.create_batch(2)
    by = factories.UserFactory.create(is_staff=True)
    first, second = cases.waiting(younger), cases.waiting(older)
    plain, one_is_locked, both_are_at_it = submissions.regrade, Event(), Event()

    def paused(*args: Any, **kwargs: Any) -> Evaluation:
        made = plain(*args, **kwargs)
        one_is_locked.set()
        both_are_at_it.wait(1)
        return made

    monkeypatch.setattr(submissions, "regrade", paused)

    def work(number: int) -> Any:
        if number == 0:
            return services.start_regrade(factories.challenge("explain"), by=by)
        one_is_locked.wait(10)
        texts = {"reason": "", "comment": ""}
        try:
            return services.decide_equal(
                Review.objects.get(pk=second.pk), by=by, marks=MARKS, blind=False, ids=[first.pk], **texts
            )
        except Refused as refused:
            return refused.code
        finally:
            both_are_at_it.set()

    run, told = at_once(work, 2)
    assert (run.items.count(), told) == (2, "open")
