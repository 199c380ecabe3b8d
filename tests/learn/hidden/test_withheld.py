"""Worlds that differ in all that a withheld grade depends on look the same to its learner and to everybody else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from graders.base import DENIALS, Judge, Judged
from gradus.accounts.models import ApiToken, User
from gradus.gradebook import services as gradebook
from gradus.notices import services as notices
from gradus.notices.models import Notice
from gradus.submissions import services, stream
from gradus.submissions.models import Evaluation, ScoreQuerySet, Standing, Submission, SubmissionQuerySet
from gradus.submissions.results import releasing
from tests import factories
from tests.learn.hidden import worlds
from tests.learn.hidden.observer import Observer, Seen, differences
from tests.learn.hidden.worlds import Hidden, TalkativeJudge

# 9 of 10 are right in the one, 2 of 10 in the other: one passes, and the other does not.
PASSES = worlds.hidden((6, 3, 0, 1), "heron", 0.31)
FAILS = worlds.hidden((1, 1, 5, 3), "oysters", 0.74)
AGAIN = ("sea-or-sky", "grade", {"kind": "prompt", "instructions": "Say it in one word."})
ATTEMPTS = (*worlds.ATTEMPTS, worlds.WORSE, AGAIN)
METRICS = "0 /metrics"
HAND = {"score": "hand", "details": "hand"}


class Denier(TalkativeJudge):
    """Finds nothing of the criteria in an answer."""

    def judge(self, item: Judge) -> Judged:
        if item.asks == DENIALS:
            return super().judge(item)
        rows = [{"id": id, "reason": "", "evidence": [], "mark": "not_met", "confidence": 90} for id in item.criteria]
        return Judged({"criteria": rows, "contradictions": [], "addresses_grader": False}, "", "judge-1", None)


class Class:
    """Publishes worlds in which two learners are in a class whose grades are released by hand."""

    def __init__(self, observer: Observer, **rule: Any) -> None:
        self.observer, self.rule = observer, rule or HAND
        observer.publish = self.publish
        observer.judge = lambda world: (TalkativeJudge if world is PASSES else Denier)(world.secret)

    def publish(self, root: Path, world: Hidden, **prompt: Any) -> None:
        worlds.publish_world(root, world, **prompt)
        ada, bob, colleague = self.observer.users
        group = factories.a_class(factories.challenge("explain").course, board="members")
        for user in (ada, bob):
            factories.member(group, user)
        releasing.change_rule(group, None, by=colleague, **self.rule)


@pytest.fixture
def observer(ada: User, bob: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Observer:
    colleague = User.objects.create_user(username="colleague", email="c@example.org", pseudonym="c", is_staff=True)
    return Observer(tmp_path, monkeypatch, (ada, bob, colleague), ApiToken.issue(ada, "worlds")[1])


def seen_by_learners(one: Seen, other: Seen) -> list[str]:
    """Addresses whose bytes differ for a learner: the log, metrics and pages of staff may tell the grades."""
    return [path for path in differences(one, other) if path.startswith(("0 ", "1 ", "events")) and path != METRICS]


@pytest.mark.parametrize("mode", ["rounded", pytest.param("ladder", marks=pytest.mark.slow)])
def test_a_withheld_grade_looks_the_same_whatever_it_is(observer: Observer, mode: str) -> None:
    Class(observer)
    feedback = {"mode": mode, "step": 0.02}
    one, other = (observer.see(world, ATTEMPTS, feedback=feedback) for world in (PASSES, FAILS))
    assert one.states == ("scored", "scored", "scored", "review", "failed", "rejected", "scored", "scored")
    assert one.values[0] != other.values[0]
    page = next(text for where, text in one.pages.items() if where.startswith("0 /submissions/"))
    assert b"Submitted." in page and b"Your teacher has not released the grades yet" in page
    boards = [text for where, text in one.pages.items() if where.startswith("1 /leaderboards/") and "?class=" in where]
    assert len(boards) == 3 and all(text.startswith(b"200") for text in boards)
    assert seen_by_learners(one, other) == []


def test_what_staff_do_with_a_withheld_grade_is_not_seen(observer: Observer) -> None:
    """One is decided by a person, one is being graded again, and in the other world nobody has done anything."""
    Class(observer)
    colleague = observer.users[2]

    def work(world: Hidden, made: Sequence[Submission]) -> None:
        if world is PASSES:
            services.decide(made[3], by=colleague, value=0.9, result={"comment": "a comment", "marks": []})
            member = made[0].of_class.members.get(user=made[0].user)
            gradebook.override([member], made[0].challenge, by=colleague, value=3, reason="a reason")
            gradebook.excuse([member], made[3].challenge, by=colleague, reason="another")
            services.regrade(made[0])
            services.decide(made[2], by=colleague, value=0.1, result={})

    observer.afterwards = work
    one, other = (observer.see(world, worlds.ATTEMPTS) for world in (PASSES, FAILS))
    assert one.states != other.states
    assert seen_by_learners(one, other) == []


def test_withheld_details_look_the_same_while_the_score_is_seen(observer: Observer) -> None:
    """What a person wrote differs, and so do the marks of the machine."""
    Class(observer, score="now", details="hand")
    colleague = observer.users[2]

    def seen(comment: str, judge: type[TalkativeJudge]) -> Seen:
        def work(world: Hidden, made: Sequence[Submission]) -> None:
            services.decide(made[1], by=colleague, value=0.9, result={"comment": comment, "marks": []})

        observer.judge, observer.afterwards = (lambda world: judge(world.secret)), work
        return observer.see(PASSES, [worlds.ATTEMPTS[0], worlds.ATTEMPTS[3]])

    one, other = seen("well done", TalkativeJudge), seen("see me", Denier)
    page = next(text for where, text in one.pages.items() if where.startswith("0 /submissions/") and b"explain" in text)
    assert b"0.90" in page and b"releases the details" in page and b"well done" not in page
    assert seen_by_learners(one, other) == []


def test_after_the_release_the_grades_are_seen(observer: Observer) -> None:
    Class(observer)
    colleague = observer.users[2]

    def afterwards(world: Hidden, made: Sequence[Submission]) -> None:
        assert made[0].of_class is not None
        releasing.release(made[0].of_class, None, by=colleague)

    observer.afterwards = afterwards
    seen = observer.see(PASSES, worlds.ATTEMPTS[:4])
    assert b"0.90" in seen.pages["0 /leaderboards/sea-or-sky/"] and b"0.90" in seen.pages["1 /leaderboards/sea-or-sky/"]
    assert b'"score": 0.9' in seen.pages["0 /api/v1/submissions"]


def decide_in(wanted: Hidden, world: Hidden, submission: Submission, by: User) -> None:
    """Decides a grade in one of two worlds; in the other one it waits for a person."""
    if world is wanted:
        services.decide(submission, by=by, value=0.9, result={})


OTHER_LEAKS = ("when it was graded", "that one waits", "a notice", "how many events", "own scores")
LEAKS = ("the grade", *(pytest.param(leak, marks=pytest.mark.slow) for leak in OTHER_LEAKS))


@pytest.mark.parametrize("leak", LEAKS)
def test_a_leak_of_a_withheld_grade_is_caught(observer: Observer, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """Else the tests above might compare nothing."""
    Class(observer)
    attempts, colleague = [worlds.ATTEMPTS[0], worlds.ATTEMPTS[1], worlds.ATTEMPTS[3]], observer.users[2]
    observer.afterwards = lambda world, made: decide_in(PASSES, world, made[2], colleague)
    hides, look = Evaluation.as_shown, stream._look
    match leak:
        case "the grade":
            observer.looks_at = lambda path: "/submissions" in path
            monkeypatch.setattr(Evaluation, "as_shown", lambda self, submission: self)
        case "when it was graded":

            def timed(self: Evaluation, submission: Submission) -> Evaluation:
                shown = hides(self, submission)
                shown.finished_at = self.finished_at
                return shown

            monkeypatch.setattr(Evaluation, "as_shown", timed)
        case "that one waits":
            monkeypatch.setattr(SubmissionQuerySet, "released", lambda self: self)
        case "a notice":

            def tell(evaluation: Evaluation, kind: Notice.Kind) -> None:
                assert evaluation.submission is not None
                text = Notice.Kind.GRADED if evaluation.state == "scored" else Notice.Kind.REVIEWED
                Notice.objects.get_or_create(evaluation=evaluation, user=evaluation.submission.user, kind=text)

            monkeypatch.setattr(notices, "tell", tell)
        case "how many events":

            def numbered(e: Any, s: Any, after: int, events: Any, placed: Any) -> stream.Look:
                return stream.Look({}, [(len(events), "finished", {})], is_open=False)

            monkeypatch.setattr(stream, "_withheld", numbered)
        case "own scores":
            kept = ScoreQuerySet.released
            publish = observer.publish

            def published(root: Path, world: Hidden, **prompt: Any) -> None:
                monkeypatch.setattr(ScoreQuerySet, "released", kept)
                publish(root, world, **prompt)

            observer.publish = published
            observer.afterwards = lambda world, made: monkeypatch.setattr(ScoreQuerySet, "released", lambda self: self)
    one, other = (observer.see(world, attempts) for world in (PASSES, FAILS))
    assert look is stream._look and not Standing.objects.exists()
    assert seen_by_learners(one, other) != []
