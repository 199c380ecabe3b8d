"""Checks the form of what a worker hands in that is not trusted: it computes scores, and writes nothing itself.

It counts only if it is an outcome, if the site's pages can read its result, and if it names no file but that
evaluation's own.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import TypeAdapter, ValidationError

from challenges.jobs import Outcome
from challenges.kinds import registry as kinds
from gradus.stored_json import Encoder
from gradus.submissions.models import Evaluation
from gradus.submissions.results.visible_result import VisibleResult
from gradus.submissions.services import purpose

OUTCOMES, RESULTS = TypeAdapter(Outcome), TypeAdapter(dict[str, Any] | None)
MOST_OVERLAPS = 100_000


class NotAnOutcome(ValueError):
    """What was handed in is not what a worker of this release hands in. The message quotes nothing of it."""


def checked_outcome(evaluation: Evaluation, fence: int, given: Any) -> Outcome:
    """The outcome that a worker has handed in as JSON for the evaluation, which it holds under `fence`.

    Raises:
        NotAnOutcome: it has another form, or a result that no page can read; a score is outside of [0, 1]; or it names
            a file or a judge that the evaluation cannot have.
    """
    _expect_storable(given)
    try:
        outcome = purpose.of(evaluation).checked(OUTCOMES.validate_python(given))
        VisibleResult.model_validate(outcome.result)
    except ValidationError:
        raise NotAnOutcome("another form") from None
    at = f"{evaluation.pk}/{fence}"
    wrong = {
        "score": any(not 0 <= one <= 1 for one in (outcome.score, outcome.private_score) if one is not None),
        "raw": bool(outcome.raw) and not re.fullmatch(rf"raw/{at}(?:_\w+)?\.json", outcome.raw),
        "artifact": bool(outcome.artifact) and not re.fullmatch(rf"{at}/adapter(?:_\w+)?\.zip", outcome.artifact),
        "judge": outcome.judge is not None and not kinds.find(_owner(evaluation).kind).is_judged,
        "overlap": not 0 <= outcome.overlap <= MOST_OVERLAPS,
    }
    if any(wrong.values()):
        raise NotAnOutcome(", ".join(name for name, is_wrong in wrong.items() if is_wrong))
    return outcome


def checked_result(given: Any) -> dict[str, Any] | None:
    """What a worker has handed in beside an error, as JSON: the part of a result that is shown, or None.

    Raises:
        NotAnOutcome: no page can read it.
    """
    _expect_storable(given)
    try:
        result = RESULTS.validate_python(given)
        VisibleResult.model_validate(result or {})
    except ValidationError:
        raise NotAnOutcome("another form") from None
    return result


def _expect_storable(given: Any) -> None:
    """Raises `NotAnOutcome` for a value that the database does not take, or that could not be read again."""
    try:
        json.dumps(given, cls=Encoder, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise NotAnOutcome("it cannot be stored") from None


def _owner(evaluation: Evaluation) -> Any:
    return evaluation.submission or evaluation.run
