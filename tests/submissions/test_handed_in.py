"""What workers with few rights hand in is recorded once, under their fence, and only if it is an outcome."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions import limits, services
from gradus.submissions.models import Evaluation, HandedIn, Score, Slot, Standing, Submission
from gradus.submissions.services import handed_in
from gradus.submissions.services.finish import LeaseLost
from tests import factories
from workers import reconciler


@pytest.fixture
def submission(ada: User, course: Course) -> Submission:
    return factories.submit(ada)


@pytest.fixture
def held(submission: Submission) -> Evaluation:
    return factories.claimed(submission)


def outcome(submission: Submission, **more: Any) -> services.Outcome:
    return services.Outcome(**{"result": factories.result_for(submission), "score": 0.7, **more})


def test_a_grade_is_recorded_as_if_its_worker_had(submission: Submission, held: Evaluation) -> None:
    at = f"{held.pk}/{held.fence}"
    given = outcome(
        submission, raw=f"raw/{at}.json", artifact=f"{at}/adapter.zip", rows={"a": (0.5, "sea")}, engine_choice="c"
    )
    services.hand_in(held.pk, held.fence, given, [("progress", {"done": 3})])
    held.refresh_from_db()
    assert held.state == "running" and not Score.objects.exists()
    assert handed_in.checked(HandedIn.objects.get()) == given

    assert handed_in.record_all() == 1
    held.refresh_from_db()
    assert (held.state, held.raw, held.artifact, held.engine_choice) == ("scored", given.raw, given.artifact, "c")
    assert Standing.objects.get().shown == submission.current.score.shown == 0.7
    assert list(held.events.values_list("type", flat=True)) == ["started", "progress", "finished"]
    assert handed_in.record_all() == 0 and not HandedIn.objects.exists()


def test_an_error_ends_it_and_gives_the_attempt_back(held: Evaluation) -> None:
    services.hand_in_error(held.pk, held.fence, "timeout")
    call_command("reconcile", "--once")
    held.refresh_from_db()
    assert (held.state, held.error_code) == ("failed", "timeout")
    assert not Slot.objects.of(limits.ATTEMPTS).exists() and not HandedIn.objects.exists()


def test_nobody_grades_again_what_only_has_to_be_recorded(submission: Submission, held: Evaluation) -> None:
    services.hand_in(held.pk, held.fence, outcome(submission))
    for attempt in (1, held.max_attempts):
        past = timezone.now() - timedelta(hours=1)
        Evaluation.objects.filter(pk=held.pk).update(lease_until=past, attempt=attempt)
        done = reconciler.sweep()
        assert (done["requeued"], done["failed"]) == (0, 0)
    assert handed_in.record_all() == 1 and submission.current.state == "scored"


def test_what_comes_with_an_old_fence_is_refused_or_dropped(submission: Submission, held: Evaluation) -> None:
    services.hand_in(held.pk, held.fence, outcome(submission))
    # The learner cancels before it is recorded.
    services.cancel(submission)
    assert handed_in.record_all() == 1
    assert submission.current.state == "cancelled" and not Score.objects.exists() and not HandedIn.objects.exists()
    with pytest.raises(LeaseLost):
        services.hand_in(held.pk, held.fence, outcome(submission))
    assert not HandedIn.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"score": 1.5},
        {"private_score": -0.1},
        {"score": "best"},
        {"artifact": "1234/1/adapter.zip"},
        {"raw": "raw/1234/1.json"},
        {"raw": "bundles/0000.json"},
        {"judge": ["a-model", "a-template"]},
        {"overlap": -1},
        {"result": "a text"},
    ],
    ids=str,
)
def test_what_no_worker_hands_in_ends_as_our_error_and_holds_up_nothing(
    submission: Submission, held: Evaluation, bob: User, wrong: dict[str, Any]
) -> None:
    HandedIn.objects.create(evaluation=held, fence=held.fence, outcome={**asdict(outcome(submission)), **wrong})
    other = factories.submit(bob)
    later = factories.claimed(other)
    services.hand_in(later.pk, later.fence, outcome(other))

    assert handed_in.record_all() == 2
    held.refresh_from_db()
    assert (held.state, held.error_code, other.current.state) == ("failed", "internal", "scored")
    assert Slot.objects.of(limits.ATTEMPTS).count() == 1, "the attempt was not given back"


def changed(result: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of the result with another value at `path`, whose parts are keys and numbers of items."""
    result = json.loads(json.dumps(result))
    *parts, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    inner: Any = result
    for part in parts:
        inner = inner[part]
    inner[last] = value
    return result


WRONG_FORMS = {
    "public": [],
    "public.score": "NaN",
    "public.rows": "NaN",
    "public.rows.0": [],
    "public.rows.0.id": 5,
    "public.rows.0.score": "0.5",
    "public.rows.0.probabilities": {"sea": "NaN"},
    "public.rows.0.look_up": {},
    "public.metrics": {"accuracy": "NaN"},
    "public.charged": {"tokens": "many"},
    "metrics": [],
    "cost": [1],
    "marks": {"a": 1},
    "training": {"seconds": None},
    "chat": {"answers": {}},
    "shown": [],
    "measured": {"ms": [1.5], "tokens": [[1]], "shared_tokens": 0},
    "unfinished": {"of": 3},
}


@pytest.mark.parametrize("error_code", ["", "timeout"])
@pytest.mark.parametrize(("path", "value"), WRONG_FORMS.items(), ids=WRONG_FORMS)
def test_no_page_reads_a_result_of_another_form(
    submission: Submission, held: Evaluation, path: str, value: Any, error_code: str
) -> None:
    given = outcome(submission, result=changed(factories.result_for(submission), path, value))
    row = HandedIn.objects.create(
        evaluation=held, fence=held.fence, outcome=given.result if error_code else asdict(given), error_code=error_code
    )
    assert handed_in.record_all() == 1
    held.refresh_from_db()
    assert (held.state, held.error_code, held.result) == ("failed", "internal", None)
    assert HandedIn.objects.set_aside().get() == row and not Score.objects.exists()


def test_a_store_that_is_away_costs_nobody_a_grade(
    submission: Submission, held: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> None:
        raise ConnectionError("503")

    services.hand_in(held.pk, held.fence, outcome(submission))
    monkeypatch.setattr(handed_in.finish, "record", away)
    assert handed_in.record_all() == 1
    assert submission.current.state == "queued"
