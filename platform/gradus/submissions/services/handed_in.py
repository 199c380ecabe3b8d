"""Workers with few rights hand their outcomes in, and the reconciler, which may write scores, records them.

What a worker hands in is not trusted: it counts only under the fence that the worker held, and only if it has the form
of an outcome and names no file but that evaluation's own. Anything else ends as an error of ours, which costs nobody an
attempt, and stays, set aside, for staff to look at.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection, transaction
from pydantic import TypeAdapter

from challenges.characters import cleaned
from challenges.kinds import registry as kinds
from challenges.problems import Problem
from gradus import stores
from gradus.stored_json import is_unreadable
from gradus.submissions.models import Evaluation, HandedIn, Run
from gradus.submissions.services import finish
from gradus.submissions.services.events import Item, append_events
from gradus.submissions.services.finish import LeaseLost, Outcome
from gradus.submissions.services.visible_result import VisibleResult

log = structlog.get_logger(__name__)
CHANNEL = "gradus_handed_in"
OUTCOMES, PROBLEMS = TypeAdapter(Outcome), TypeAdapter(list[Problem])
MOST_OVERLAPS = 100_000
# The database is away, or has ended the connection: what was handed in stays.
AWAY = (OperationalError, InterfaceError, InternalError)


class NotAnOutcome(Exception):
    """What was handed in is not what a worker of this release hands in."""


def hand_in(evaluation_id: int, fence: int, outcome: Outcome, last: Sequence[Item] = ()) -> None:
    """Hands a grade in for `finish.record`. `last` are earlier events that have not been written yet.

    Raises:
        LeaseLost: the fence is not current. Nothing was written.
    """
    _hand_in(evaluation_id, fence, last, outcome=cleaned(asdict(outcome)))


def hand_in_error(evaluation_id: int, fence: int, code: str, result: dict[str, Any] | None = None) -> None:
    """Hands an error in for `finish.reject`.

    Raises:
        LeaseLost: the fence is not current. Nothing was written.
    """
    _hand_in(evaluation_id, fence, (), outcome=cleaned(result), error_code=code)


@transaction.atomic
def _hand_in(evaluation_id: int, fence: int, last: Sequence[Item], **values: Any) -> None:
    # This locks the evaluation, so that nobody ends it meanwhile.
    if not append_events(evaluation_id, fence, last):
        raise LeaseLost
    HandedIn.objects.create(evaluation_id=evaluation_id, fence=fence, **values)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"notify {CHANNEL}")


def record_all() -> int:
    """Records all that was handed in, the oldest first. Several processes may do it at once. Returns the number."""
    count = 0
    while _record_next():
        count += 1
    return count


@transaction.atomic
def _record_next() -> bool:
    can_skip = connection.features.has_select_for_update_skip_locked
    row = HandedIn.objects.waiting().select_for_update(skip_locked=can_skip).order_by("id").first()
    if row is None:
        return False
    try:
        with transaction.atomic():
            _record(row)
    except LeaseLost:
        log.info("handed_in_late", evaluation=row.evaluation_id, fence=row.fence)
    except AWAY:
        raise
    except Exception as error:
        if not stores.is_away(error):
            _set_aside(row, error)
            return True
        log.warning("store_away", evaluation=row.evaluation_id, reason=type(error).__name__)
        finish.retry(row.evaluation_id, row.fence)
    row.delete()
    return True


def _set_aside(row: HandedIn, error: Exception) -> None:
    """Takes the row out of the queue, whatever is wrong with it, so that those after it are recorded."""
    reason = type(error).__name__
    worker = Evaluation.objects.values_list("worker", flat=True).get(pk=row.evaluation_id)
    log.error("handed_in_set_aside", number=row.pk, evaluation=row.evaluation_id, worker=worker, reason=reason)
    HandedIn.objects.filter(pk=row.pk).update(set_aside=reason)
    try:
        with transaction.atomic():
            finish.reject(row.evaluation_id, row.fence, "internal")
    except LeaseLost:
        log.info("handed_in_late", evaluation=row.evaluation_id, fence=row.fence)
    except AWAY:
        raise
    except Exception as fault:  # the evaluation is claimed again when its lease has ended
        log.exception("not_rejected", evaluation=row.evaluation_id, reason=type(fault).__name__)


def _record(row: HandedIn) -> None:
    if is_unreadable(row.outcome):
        raise NotAnOutcome("it cannot be read")
    if row.error_code:
        if row.outcome is not None:
            VisibleResult.model_validate(row.outcome)
        finish.reject(row.evaluation_id, row.fence, row.error_code, row.outcome)
    else:
        finish.record(row.evaluation_id, row.fence, checked(row))


def checked(row: HandedIn) -> Outcome:
    """The outcome that was handed in.

    Raises:
        NotAnOutcome: a score is outside of [0, 1], or it names a file or a judge that the evaluation cannot have.
        pydantic.ValidationError: it has another form, or its result has one that no page can read.
    """
    outcome = OUTCOMES.validate_python(row.outcome)
    VisibleResult.model_validate(outcome.result)
    at = f"{row.evaluation_id}/{row.fence}"
    owner = row.evaluation.submission or row.evaluation.run
    assert owner is not None
    wrong = {
        "score": any(not 0 <= one <= 1 for one in (outcome.score, outcome.private_score) if one is not None),
        "raw": bool(outcome.raw) and not re.fullmatch(rf"raw/{at}(?:_\w+)?\.json", outcome.raw),
        "artifact": bool(outcome.artifact) and not re.fullmatch(rf"{at}/adapter(?:_\w+)?\.zip", outcome.artifact),
        "judge": outcome.judge is not None and not kinds.find(owner.kind).is_judged,
        "overlap": not 0 <= outcome.overlap <= MOST_OVERLAPS,
    }
    if any(wrong.values()):
        raise NotAnOutcome(", ".join(name for name, is_wrong in wrong.items() if is_wrong))
    if isinstance(owner, Run) and owner.purpose == Run.Purpose.LINT:
        problems = PROBLEMS.validate_python(outcome.notes.get("problems"))
        return replace(outcome, notes={"problems": problems, "arms": str(outcome.notes.get("arms"))})
    return outcome
