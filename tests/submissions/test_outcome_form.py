"""What a worker hands in that is not trusted counts only if it is an outcome that the site's pages can read."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from challenges.problems import Problem
from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Submission
from gradus.submissions.services.outcome_form import NotAnOutcome, checked_outcome, checked_result
from tests import factories


@pytest.fixture
def submission(ada: User, course: Course) -> Submission:
    return factories.submit(ada)


@pytest.fixture
def held(submission: Submission) -> Evaluation:
    return factories.claimed(submission)


def outcome(held: Evaluation, **more: Any) -> services.Outcome:
    return services.Outcome(**{"result": factories.result_for(held.submission), "score": 0.7, **more})


def sent(outcome: services.Outcome, **other: Any) -> Any:
    """The outcome as it comes over HTTP, with other values in place of its own."""
    return json.loads(json.dumps(asdict(outcome) | other))


def test_an_outcome_comes_as_its_worker_has_made_it(held: Evaluation) -> None:
    at = f"{held.pk}/{held.fence}"
    given = outcome(held, raw=f"raw/{at}.json", artifact=f"{at}/adapter.zip", rows={"a": (0.5, "sea")})
    assert checked_outcome(held, held.fence, sent(given)) == given
    with pytest.raises(NotAnOutcome, match="raw, artifact"):
        checked_outcome(held, held.fence + 1, sent(given))


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
        {"score": float("nan")},
        {"notes": {"a": float("inf")}},
        {"notes": {"a": 10**400}},
        {"rows": {"a": [0.5]}},
        {"result": "a text"},
    ],
    ids=str,
)
def test_what_no_worker_hands_in_is_refused(held: Evaluation, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotAnOutcome) as refused:
        checked_outcome(held, held.fence, sent(outcome(held), **wrong))
    assert "sea" not in str(refused.value)


@pytest.mark.parametrize("given", [None, [], "a text", 5, {"result": 5}])
def test_what_is_no_object_of_an_outcome_is_refused(held: Evaluation, given: Any) -> None:
    with pytest.raises(NotAnOutcome):
        checked_outcome(held, held.fence, given)


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
    "public.metrics.accuracy": float("nan"),
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


@pytest.mark.parametrize(("path", "value"), WRONG_FORMS.items(), ids=WRONG_FORMS)
def test_no_page_reads_a_result_of_another_form(held: Evaluation, path: str, value: Any) -> None:
    result = changed(factories.result_for(held.submission), path, value)
    with pytest.raises(NotAnOutcome):
        checked_outcome(held, held.fence, sent(outcome(held), result=result))
    with pytest.raises(NotAnOutcome):
        checked_result(result)


def test_an_error_may_come_with_a_part_of_a_result_or_without(held: Evaluation) -> None:
    result = factories.result_for(held.submission)
    assert (checked_result(result), checked_result(None)) == (result, None)
    with pytest.raises(NotAnOutcome):
        checked_result([])


def test_what_lint_has_found_comes_as_problems() -> None:
    lint = Evaluation(pk=1, run=Run(purpose="lint"))
    found = services.Outcome({}, notes={"problems": [Problem("a.jsonl", 3, "what", "fix")], "arms": "d"})
    assert checked_outcome(lint, 1, sent(found)) == found
    with pytest.raises(NotAnOutcome):
        checked_outcome(lint, 1, sent(found, notes={"problems": ["a text"], "arms": "d"}))
