"""Only rows of a run of the learner's own are accepted, and an accepted answer needs the run no more."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from challenges.rows import QUOTE_CHARS, QuotedRow, shortened
from gradus import retention
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.refusal import Refused
from gradus.submissions import own_runs, services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Run, Slot, Submission
from gradus.submissions.results import releasing
from tests import factories
from tests.own_run.course import hand_in, queued, quoting, ran

pytestmark = pytest.mark.django_db


def refused(user: User, payload: dict[str, Any]) -> list[tuple[str, str, int | None]]:
    """The code, field and line of each problem. An attempt must not be used up."""
    with pytest.raises(Refused) as refusal:
        hand_in(user, payload)
    assert refusal.value.status == 422
    assert not Submission.objects.filter(user=user, challenge__slug="explain").exists()
    assert not Slot.objects.of(limits.ATTEMPTS).filter(submission__challenge__slug="explain").exists()
    return [(one["code"], one["field"], one["line"]) for one in refusal.value.problems]


def test_the_payload_holds_the_rows_and_the_digest(ada: User, run: Run) -> None:
    made = hand_in(ada, quoting(run))
    assert made.payload["own_run"]["run"] == str(run.uuid)
    assert len(made.payload["own_run"]["digest"]) == 64
    assert made.payload["own_run"]["rows"] == [
        {"id": "p0-sea", "input": "I saw a wave today", "answer": "sky", "mark": "wrong"},
        {"id": "p0-sky", "input": "I saw a cloud today", "answer": "sky", "mark": "right"},
    ]


def test_an_attempt_can_be_quoted_too(ada: User, asking: Course) -> None:
    attempt = factories.submit(ada)
    factories.grade(attempt)
    assert hand_in(ada, quoting(attempt)).payload["own_run"]["run"] == str(attempt.uuid)


def test_somebody_elses_run_is_refused(ada: User, bob: User, run: Run) -> None:
    assert refused(bob, quoting(run)) == [("not_your_run", "own_run", None)]


@pytest.mark.parametrize("run_id", ["", "00000000-0000-4000-8000-000000000000"])
def test_a_run_that_is_not_there_is_refused(ada: User, run: Run, run_id: str) -> None:
    assert refused(ada, quoting(run, run=run_id)) == [("not_your_run", "own_run", None)]


def test_a_run_of_another_challenge_is_refused(ada: User, asking: Course) -> None:
    other = queued(ada, "ticket", factories.LORA)
    factories.grade(other)
    found = own_runs.named(ada, str(other.uuid))
    assert found is not None
    ids = [row.id for row in found.rows[:2]]
    assert refused(ada, {**factories.FREE_TEXT, "own_run": found.quote(ids)}) == [("not_your_run", "own_run", None)]


def test_a_run_that_has_not_ended_is_refused(ada: User, run: Run) -> None:
    waiting = queued(ada)
    assert refused(ada, quoting(run, run=str(waiting.uuid))) == [("not_your_run", "own_run", None)]


def test_a_changed_answer_and_a_changed_digest_are_refused(ada: User, run: Run) -> None:
    payload = quoting(run)
    payload["own_run"]["rows"][1]["answer"] = "sea"
    payload["own_run"]["digest"] = "0" * 64
    assert refused(ada, payload) == [("not_in_run", "own_run", 2), ("other_run", "own_run", None)]


@pytest.mark.parametrize("ids", [(), ("p0-sea",), ("p0-sea", "p0-sky", "p1-sea")])
def test_another_number_of_rows_is_refused(ada: User, run: Run, ids: tuple[str, ...]) -> None:
    assert refused(ada, quoting(run, ids)) == [("own_run", "own_run", None)]


def test_the_same_row_twice_is_refused(ada: User, run: Run) -> None:
    row = quoting(run)["own_run"]["rows"][0]
    assert refused(ada, quoting(run, rows=[row, row])) == [("own_run", "own_run", None)]


def test_no_rows_are_refused_where_they_are_asked_for(ada: User, asking: Course) -> None:
    assert refused(ada, factories.FREE_TEXT) == [("own_run", "own_run", None)]


def test_rows_are_refused_where_none_are_asked_for(ada: User, course: Course) -> None:
    assert refused(ada, quoting(ran(ada))) == [("own_run", "own_run", None)]


def test_a_check_without_grading_refuses_the_same(ada: User, bob: User, run: Run) -> None:
    with pytest.raises(Refused) as refusal:
        queued(bob, "explain", quoting(run))
    assert refusal.value.code == "not_your_run"
    assert queued(ada, "explain", quoting(run)).payload == quoting(run)


def test_withheld_results_cannot_be_quoted(ada: User, grace: User, asking: Course) -> None:
    group = factories.a_class(asking)
    factories.member(group, ada)
    releasing.change_rule(group, None, by=grace, score="hand", details="hand")
    attempt = factories.submit(ada)
    factories.grade(attempt)
    assert own_runs.runs_of(ada, factories.challenge("explain")) == []
    payload = quoting(ran(ada), run=str(attempt.uuid))
    assert refused(ada, payload) == [("not_your_run", "own_run", None)]


def test_an_expired_run_leaves_the_answer_as_it_was(ada: User, run: Run) -> None:
    payload = quoting(run)
    made = hand_in(ada, payload)
    Run.objects.filter(pk=run.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    retention.carry_out()
    assert not Run.objects.filter(pk=run.pk).exists()
    kept = Submission.objects.get(pk=made.pk)
    again, is_new = services.submit(ada, kept.challenge, payload, idempotency_key=kept.idempotency_key)
    assert (again.pk, is_new) == (kept.pk, False)
    factories.grade(kept, 0.7)
    assert Submission.objects.get(pk=made.pk).current.score.shown == pytest.approx(0.7)
    with pytest.raises(Refused, match="not a finished run or attempt of yours"):
        hand_in(ada, payload)


def test_the_same_text_about_other_rows_is_another_text(ada: User, bob: User, run: Run) -> None:
    other = hand_in(bob, quoting(ran(bob)))
    first = hand_in(ada, quoting(run))
    second = factories.submit(ada, "explain", quoting(run, ("p1-sea", "p1-sky")), withdraw_earlier=True)
    assert first.text_digest == other.text_digest != second.text_digest


def test_the_digest_is_of_what_went_in_and_of_what_came_out(ada: User, asking: Course) -> None:
    first, same = ran(ada), ran(ada)
    result = factories.result_for(first, wrong=2)
    other = ran(ada, result=result)
    digests = [own.digest for own in own_runs.runs_of(ada, factories.challenge("explain"))]
    assert [own.work for own in own_runs.runs_of(ada, factories.challenge("explain"))] == [other, same, first]
    assert digests[1] == digests[2] != digests[0]


def test_rows_are_the_same_in_every_language(ada: User, run: Run) -> None:
    with translation.override("de"):
        german = quoting(run)
    assert german == quoting(run)


def test_at_most_five_runs_are_offered(ada: User, asking: Course) -> None:
    made = [ran(ada) for _ in range(own_runs.OFFERED + 1)]
    offered = own_runs.offered(ada, factories.challenge("explain"))
    assert offered is not None and offered.challenge == factories.challenge("sea-or-sky")
    assert [own.work for own in offered.runs] == made[:0:-1]
    assert own_runs.offered(ada, factories.challenge("sea-or-sky")) is None


@given(st.text(max_size=2 * QUOTE_CHARS))
def test_a_shortened_text_can_always_be_quoted(text: str) -> None:
    row = QuotedRow(id="p1", input="x", answer=shortened(text), mark="right")
    assert row.answer == text or (len(row.answer) == QUOTE_CHARS and text.startswith(row.answer[:-1]))


MIXTURES = [mixed for mixed in itertools.product((0, 1), repeat=3) if any(mixed)]


@pytest.mark.parametrize("mixed", MIXTURES)
def test_no_part_of_somebody_elses_run_is_accepted(ada: User, bob: User, run: Run, mixed: tuple[int, ...]) -> None:
    """Every mixture of id, digest and rows of two learners' runs is refused but the learner's own."""
    other = ran(bob, result=factories.result_for(run, wrong=3))
    parts = [quoting(one)["own_run"] for one in (run, other)]
    own_run = {key: parts[number][key] for key, number in zip(("run", "digest", "rows"), mixed, strict=True)}
    assert refused(ada, {**factories.FREE_TEXT, "own_run": own_run})
    assert hand_in(ada, quoting(run)).payload["own_run"] == parts[0]
