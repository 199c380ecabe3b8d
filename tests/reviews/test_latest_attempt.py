"""Only a learner's latest attempt waits: an earlier one follows its decision if the text is equal, or is withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, transaction

from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge, ChallengeVersion, Course
from gradus.notices.models import Notice
from gradus.reconciling import invariants, reconciler
from gradus.reviews import accuracy, queue, services
from gradus.reviews.models import JudgeCall, Review
from gradus.submissions import failpoints
from gradus.submissions import services as submissions
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Refund, Slot, Standing, Submission
from gradus.submissions.results.standings import differences
from gradus.submissions.services import Refused
from tests import factories
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, MARKS, NONE_MET

pytestmark = pytest.mark.django_db
FIRST = factories.FREE_TEXT["answer"]
SECOND = f"{FIRST} A look-up costs a search for each question."
THIRD = f"{SECOND} Always."


def hand_in(user: User, answer: str = FIRST, **given: Any) -> Submission:
    payload = {"kind": "free_text", "answer": answer}
    key = f"test-{next(factories.KEYS)}"
    made, _ = submissions.submit(user, factories.challenge("explain"), payload, idempotency_key=key, **given)
    return made


def wait(submission: Submission, given: dict[str, str] = MARKS) -> Review:
    """The machine is in doubt, so that the attempt comes to wait."""
    factories.grade(submission, cases.score(given), result=cases.result(given), provisional=True)
    return Review.objects.get(submission=submission)


def waiting_attempts() -> list[Submission]:
    return [review.submission for review in Review.objects.waiting().order_by("submission_id")]


def attempts_used(user: User) -> int:
    return Slot.objects.of(limits.ATTEMPTS).filter(user=user).count()


@pytest.fixture
def first(ada: User, explain: Challenge) -> Review:
    return wait(hand_in(ada), ALL_MET)


def refused(work: Callable[[], Any]) -> Refused:
    with pytest.raises(Refused) as found:
        work()
    return found.value


# --- agreement


def test_another_text_of_ones_own_needs_agreement(ada: User, bob: User, first: Review) -> None:
    refusal = refused(lambda: hand_in(ada, SECOND))
    assert (refusal.code, refusal.status) == ("earlier_waits", 409)
    assert refusal.problems[0]["field"] == "withdraw_earlier"
    assert "withdraw_earlier=true" in refusal.message
    assert Submission.objects.count() == attempts_used(ada) == 1
    assert hand_in(bob, SECOND)
    assert not hand_in(ada, f" {FIRST.upper()} ").withdraws_earlier


def test_what_is_still_being_graded_may_come_to_wait_and_a_final_grade_may_not(ada: User, explain: Challenge) -> None:
    cases.final(ada)
    hand_in(ada, SECOND)
    assert refused(lambda: hand_in(ada, THIRD)).code == "earlier_waits"
    assert hand_in(ada, THIRD, withdraw_earlier=True).withdraws_earlier


# --- another text


def test_the_earlier_attempt_keeps_its_place_until_the_later_one_waits(ada: User, first: Review) -> None:
    later = hand_in(ada, SECOND, withdraw_earlier=True)
    assert waiting_attempts() == [first.submission]
    wait(later)
    assert waiting_attempts() == [later]


@pytest.mark.parametrize("how", ["failed", "final", "cancelled"])
def test_a_later_attempt_that_does_not_wait_withdraws_nothing(how: str, ada: User, first: Review) -> None:
    later = hand_in(ada, SECOND, withdraw_earlier=True)
    if how == "failed":
        evaluation = factories.claimed(later)
        submissions.reject(evaluation.pk, evaluation.fence, "internal")
    elif how == "final":
        factories.grade(later, 1.0, result=cases.result(ALL_MET), judge=cases.passed_judge())
    else:
        submissions.cancel(later)
    assert waiting_attempts() == [first.submission]
    assert first.submission.current.state == "review"


def test_a_withdrawn_attempt_is_given_back_and_counts_no_longer(ada: User, first: Review) -> None:
    assert Standing.objects.get().submission == first.submission
    later = wait(hand_in(ada, SECOND, withdraw_earlier=True), NONE_MET).submission

    first.refresh_from_db()
    withdrawn = first.submission.current
    assert first.withdrawn_at is not None and first.decided_at is None
    assert (withdrawn.state, withdrawn.error_code, withdrawn.number) == ("cancelled", "withdrawn", 2)
    assert "given back" in withdrawn.message
    assert Refund.objects.get().submission == first.submission
    assert attempts_used(ada) == 1
    assert Event.objects.filter(evaluation=withdrawn).last().data == {"status": "cancelled", "code": "withdrawn"}
    # The best grade was the withdrawn one's: it is gone from the path, and what is left counts.
    assert (Standing.objects.get().submission, Standing.objects.get().passed) == (later, False)
    assert differences() == [] and invariants.everywhere() == {}
    assert first.evaluation.score.shown == 1.0
    assert not Notice.objects.exists()


def test_of_several_only_the_last_waits(ada: User, first: Review) -> None:
    same = wait(hand_in(ada))
    second = wait(hand_in(ada, SECOND, withdraw_earlier=True))
    third = wait(hand_in(ada, THIRD, withdraw_earlier=True))
    assert waiting_attempts() == [third.submission]
    assert {one.submission.current.error_code for one in (first, same, second)} == {"withdrawn"}
    assert attempts_used(ada) == 1


def test_an_earlier_attempt_that_comes_to_wait_after_the_later_one_gives_way_at_once(ada: User, explain) -> None:
    earlier, later = hand_in(ada), hand_in(ada, SECOND, withdraw_earlier=True)
    held = factories.claimed(earlier)
    wait(later)
    outcome = submissions.Outcome(score=0.5, result=cases.result(), provisional=True)
    submissions.record(held.pk, held.fence, outcome)
    assert waiting_attempts() == [later]
    assert earlier.current.error_code == "withdrawn"


def test_attempts_from_before_the_rule_stay(ada: User, first: Review) -> None:
    """Nobody agreed to their withdrawal."""
    later = hand_in(ada, SECOND, withdraw_earlier=True)
    Submission.objects.filter(pk=later.pk).update(withdraws_earlier=False)
    wait(later)
    assert waiting_attempts() == [first.submission, later]


def test_an_attempt_under_appeal_and_an_audit_are_never_withdrawn(ada: User, first: Review, settings: Any) -> None:
    services.appeal(first.submission, "It names the cause.")
    settings.AUDIT_SHARE = settings.AUDIT_SHARE_NEW = 1.0
    audited = cases.final(ada, answer=SECOND)
    later = wait(hand_in(ada, THIRD, withdraw_earlier=True)).submission
    assert waiting_attempts() == [first.submission, audited, later]
    assert audited.current.state == "scored"


def test_a_withdrawn_attempt_is_not_graded_again(ada: User, grace: User, first: Review) -> None:
    wait(hand_in(ada, SECOND, withdraw_earlier=True))
    assert refused(lambda: submissions.regrade(first.submission)).code == "withdrawn"
    assert refused(lambda: services.decide(first, by=grace, marks=ALL_MET, reason="")).code == "withdrawn"
    assert not services.can_appeal(first.submission)
    assert first.submission.current.error_code == "withdrawn"


def test_a_regrade_under_way_does_not_bring_it_back(ada: User, first: Review) -> None:
    submissions.regrade(first.submission)
    later = hand_in(ada, SECOND, withdraw_earlier=True)
    claim = {"worker": "worker-1", "profile": "cpu/float32/1"}
    again = next(one for _ in range(2) if (one := submissions.claim("judge", **claim)).submission == first.submission)
    evaluation = later.current if later.current.state == "running" else submissions.claim("judge", **claim)
    outcome = submissions.Outcome(score=0.5, result=cases.result(), provisional=True)
    submissions.record(evaluation.pk, evaluation.fence, outcome)
    assert first.submission.current.error_code == "withdrawn"
    late = submissions.record(again.pk, again.fence, submissions.Outcome(score=0.9, result={}, provisional=True))
    assert first.submission.current.error_code == "withdrawn" and late.proposal is not None
    assert refused(lambda: submissions.adopt(late)).code == "withdrawn"
    assert waiting_attempts() == [later]
    assert differences() == [] and invariants.everywhere() == {}


@pytest.mark.parametrize(("point", "is_kept"), [("record.uncommitted", False), ("record.committed", True)])
def test_a_worker_that_is_lost_while_it_records_loses_nothing(
    point: str, is_kept: bool, ada: User, first: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = hand_in(ada, SECOND, withdraw_earlier=True)
    monkeypatch.setattr(failpoints, "FOLDER", str(tmp_path))
    (tmp_path / f"{point}-error-1").touch()
    with pytest.raises(OperationalError):
        wait(later)
    assert waiting_attempts() == [later if is_kept else first.submission]
    assert (first.submission.current.error_code, Refund.objects.count()) == (("withdrawn", 1) if is_kept else ("", 0))
    if not is_kept:
        Evaluation.objects.filter(submission=later).update(lease_until=first.opened_at)
        reconciler.requeue_expired()
        wait(later)
    assert waiting_attempts() == [later]
    assert Refund.objects.count() == attempts_used(ada) == 1
    assert differences() == [] and invariants.everywhere() == {}


# --- what is given back


def withdraw_often(user: User, times: int, *, asked_judge: bool) -> list[str]:
    """Hands in one answer after another, and returns how each of those before the last one ended."""
    made = []
    for number in range(times + 1):
        submission = hand_in(user, f"{FIRST} Number {number}.", withdraw_earlier=True)
        made.append(submission)
        if asked_judge:
            call = {"key": "k", "template": "t", "model": "m", "rung": "text", "request": {}}
            JudgeCall.objects.create(evaluation=submission.current, **call)
        wait(submission)
    return [one.current.error_code for one in made[:-1]]


@pytest.mark.parametrize(("asked_judge", "back"), [(False, 10), (True, 2)])
def test_attempts_are_given_back_as_often_as_cancelled_ones(
    asked_judge: bool, back: int, ada: User, explain: Challenge
) -> None:
    new_version(explain, limits={**explain.version.spec["limits"], "attempts_per_day": 100})
    ended = withdraw_often(ada, back + 1, asked_judge=asked_judge)
    assert ended == [*["withdrawn"] * back, "withdrawn_late"]
    assert Refund.objects.count() == back
    assert attempts_used(ada) == 2


# --- the same text


def test_equal_texts_follow_the_decision_about_the_last(ada: User, grace: User, first: Review) -> None:
    second, later = wait(hand_in(ada)), wait(hand_in(ada))
    assert waiting_attempts() == [later.submission]
    assert list(queue.waiting_for(grace)) == [later]

    made = services.decide(later, by=grace, marks=ALL_MET, reason="It is all there.")
    for follower in (first, second):
        follower.refresh_from_db()
        assert (follower.decided_by, follower.marks) == (grace, ALL_MET)
        assert follower.reason == "Follows attempt 3, which has the same text."
        current = follower.submission.current
        assert (current.grader, current.score.shown, current.score.person) == ("person", 1.0, grace)
    assert later.submission.current == made
    assert [notice.evaluation for notice in Notice.objects.all()] == [made]
    assert StaffAction.objects.filter(what=StaffAction.What.GRADE_DECIDED).count() == 3
    assert attempts_used(ada) == 3
    # What follows measures nothing.
    assert [pair.review for pair in accuracy.decisions(grace)] == [later]
    assert differences() == [] and invariants.everywhere() == {}


def test_who_opened_the_earlier_one_decides_the_later_one_with_it(ada: User, grace: User, first: Review) -> None:
    later = wait(hand_in(ada))
    services.decide(first, by=grace, marks=ALL_MET, reason="Yes.")
    later.refresh_from_db()
    assert (later.decided_by, later.reason) == (grace, "Yes.")
    first.refresh_from_db()
    assert first.decided_by == grace


def test_a_regrade_of_an_earlier_one_is_named_where_the_later_one_is_decided(
    ada: User, grace: User, first: Review
) -> None:
    later = wait(hand_in(ada))
    submissions.regrade(first.submission, shadow=True)
    with pytest.raises(Refused) as refused:
        services.decide(later, by=grace, marks=MARKS, reason="")
    assert refused.value.code == "open" and "An earlier attempt" in refused.value.message
    later.refresh_from_db()
    assert later.decided_at is None


def new_version(challenge: Challenge, **changes: Any) -> ChallengeVersion:
    version = challenge.version
    assert version is not None
    version.pk, version.digest, version.version = None, "f" * 64, "9.9.9"
    version.spec = {**version.spec, **changes}
    version.save()
    Challenge.objects.filter(pk=challenge.pk).update(version=version)
    return version


def test_another_pass_mark_is_the_same_question(ada: User, grace: User, first: Review, explain: Challenge) -> None:
    new_version(explain, **{"pass": 0.1})
    later = wait(hand_in(ada))
    services.decide(later, by=grace, marks={**NONE_MET, "remedy": "met"}, reason="")
    assert (later.submission.current.score.passed, first.submission.current.score.passed) == (True, False)


def test_another_rubric_is_another_question(ada: User, first: Review, explain: Challenge) -> None:
    rubric = explain.spec.keys_of("free_text").model_dump(mode="json")["rubric"]
    new_version(explain, rubric=[{**rubric[0], "points": 60}, *rubric[1:]])
    later = wait(hand_in(ada)).submission
    assert waiting_attempts() == [first.submission, later]


def test_a_follower_waits_itself_again_if_the_later_grade_becomes_final(ada: User, first: Review) -> None:
    later = wait(hand_in(ada)).submission
    submissions.regrade(later)
    cases.work_off(ALL_MET)
    assert later.current.state == "scored"
    assert waiting_attempts() == [first.submission]


def test_a_follower_under_appeal_waits_itself(ada: User, grace: User, first: Review) -> None:
    later = wait(hand_in(ada))
    services.appeal(first.submission, "It names the cause.")
    assert waiting_attempts() == [first.submission, later.submission]
    services.decide(first, by=grace, marks=ALL_MET, reason="")
    assert waiting_attempts() == [later.submission]


def test_a_follower_is_not_decided_past_an_appeal(ada: User, grace: User, first: Review) -> None:
    later = wait(hand_in(ada))
    services.appeal(later.submission, "It names the cause.")
    assert refused(lambda: services.decide(first, by=grace, marks=ALL_MET, reason="")).code == "follows"
    services.decide(later, by=grace, marks=ALL_MET, reason="")
    first.refresh_from_db()
    assert first.decided_by == grace


# --- a course that lets all wait


def test_a_course_may_let_all_attempts_wait(ada: User, first: Review) -> None:
    Course.objects.update(all_attempts_wait=True)
    second = wait(hand_in(ada, SECOND))
    third = wait(hand_in(ada))
    assert waiting_attempts() == [first.submission, second.submission, third.submission]


# --- what the database keeps


@pytest.mark.parametrize("wrong", ["decided", "itself", "locked"])
def test_the_database_refuses(wrong: str, ada: User, grace: User, first: Review) -> None:
    later = wait(hand_in(ada, SECOND, withdraw_earlier=True))
    rows = Review.objects.filter(pk=first.pk)
    changes: dict[str, dict[str, Any]] = {
        "decided": {"decided_at": later.opened_at, "decided_by": grace},
        "itself": {"follows": first},
        "locked": {"locked_by": grace, "locked_until": later.opened_at, "lock_slot": 1},
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(**changes[wrong])
