"""What becomes of attempts and runs when the account of their learner is deleted: scores stay, and nothing that was
written.

`gradus.own_data.erasing` calls these functions in this order, and says which transaction each belongs to.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import structlog
from django.core.files.storage import storages
from django.db import transaction
from django.db.models import Q, QuerySet
from pydantic import ValidationError

from challenges import payloads
from gradus.accounts.models import READING_HIDDEN_ROWS, Enrolment, User
from gradus.accounts.triggers import ERASED
from gradus.courses.models import Challenge
from gradus.submissions.models import Annulment, Evaluation, Event, HintsTaken, Mark, Run, Slot, Submission
from gradus.submissions.results.copying import fingerprints
from gradus.submissions.services.cancel import end_for_good as end
from gradus.submissions.services.cancel import withdraw_attempt
from gradus.submissions.states import State

log = structlog.get_logger(__name__)
# What stands in place of a text that somebody wrote, where a payload needs one.
TEXT = "…"
# What a payload is compared by: the approach of an attempt stays known.
NAMES = ("kind", "method")
# Of what a grading returned: what standings and pages of costs are made of, and how a person decided.
FIGURES = ("cost", "in_bulk")
ROWS = 200
# A stored file: the store and the name.
File = tuple[str, str]


def keep_without_rank(user: User) -> None:
    """Hides the entries that have no rank now, so that no rank of others moves when the account loses its roles.

    Call it before the roles go, in that transaction.
    """
    tried = Challenge.objects.filter(submissions__user=user).distinct()
    if not user.is_staff and user.is_active:
        courses = Enrolment.objects.filter(user=user, content__in=READING_HIDDEN_ROWS).values("course")
        tried = tried.filter(course__in=courses)
    for challenge in tried.exclude(pk__in=Mark.objects.hidings().filter(user=user).values("challenge")):
        Mark.objects.create(user=user, challenge=challenge, kind=Mark.Kind.HIDDEN, reason=ERASED)


def stop_gradings(user: User) -> None:
    """Ends what is being graded, each in a transaction of its own: a worker that records a grade holds the evaluation
    and waits for the learner, so nobody may wait for it the other way round.
    """
    for key in list(open_evaluations(user).values_list("pk", flat=True)):
        with transaction.atomic():
            end(key)


def open_evaluations(user: User) -> QuerySet[Evaluation]:
    return Evaluation.objects.open().filter(_of(user))


def _of(user: User) -> Q:
    return (
        Q(submission__user=user)
        | Q(run__user=user)
        | Q(run__measures__user=user)
        | Q(run__rerun__submission__user=user)
    )


def withdraw_waiting(user: User) -> None:
    """Withdraws the attempts that wait for a person: nobody can read their texts any more."""
    waiting = Evaluation.objects.filter(submission__user=user, is_current=True, state=State.REVIEW)
    for evaluation in waiting.select_related("submission__user", "submission__challenge"):
        assert evaluation.submission is not None
        withdraw_attempt(evaluation.submission, asked_judge=True)


def forget(user: User) -> list[File]:
    """Empties attempts, deletes runs, and returns the stored files that no row names any more."""
    files = list(_files(user))
    Run.objects.filter(Q(user=user) | Q(measures__user=user) | Q(rerun__submission__user=user)).delete()
    attempts = Evaluation.objects.filter(submission__user=user)
    Event.objects.filter(evaluation__in=attempts).delete()
    _empty_results(attempts)
    _empty_payloads(Submission.objects.filter(user=user))
    fingerprints.forget(user.pk)
    Annulment.objects.filter(submission__user=user).update(reason=ERASED)
    Mark.objects.filter(user=user).update(reason=ERASED, answer="")
    HintsTaken.objects.filter(user=user).delete()
    # Uses that are counted of attempts stay.
    Slot.objects.filter(user=user, submission=None).delete()
    Slot.objects.filter(user=None, submission__user=user).delete()
    return files


def _files(user: User) -> Iterator[File]:
    named = Evaluation.objects.filter(_of(user)).values_list("raw", "artifact", "trained__file")
    for raw, artifact, trained in named:
        yield from (("private", name) for name in (raw, trained) if name)
        if artifact:
            yield "artifacts", artifact


def delete_files(files: list[File]) -> None:
    """Deletes stored files. What a store that is away keeps, the sweep of orphans deletes within a day."""
    for store, name in files:
        try:
            storages[store].delete(name)
        except Exception as error:
            log.warning("store_away", store=store, reason=f"{type(error).__name__}: {error}")


def _empty_results(evaluations: QuerySet[Evaluation]) -> None:
    rows = list(evaluations.exclude(result=None).only("pk", "result"))
    for one in rows:
        kept = one.result or {}
        one.result = {name: kept[name] for name in FIGURES if name in kept}
    Evaluation.objects.bulk_update(rows, ["result"], ROWS)
    evaluations.update(raw="", artifact="", trained=None, proposal=None)


def _empty_payloads(submissions: QuerySet[Submission]) -> None:
    rows = list(submissions.only("pk", "kind", "payload"))
    for one in rows:
        one.payload, one.payload_sha256, one.text_digest = emptied(one.payload), "", ""
        one.idempotency_key = f"deleted-{one.pk}"
    fields = ["payload", "payload_sha256", "text_digest", "idempotency_key"]
    Submission.objects.bulk_update(rows, fields, ROWS)


def emptied(payload: dict[str, Any]) -> dict[str, Any]:
    """Returns a payload of the same approach without anything that was written or chosen.

    A list keeps one empty item, because an attempt with examples is another approach than one without. Numbers stay
    only where the kind of challenge has no default for them.
    """
    for is_kept in (_is_text, lambda value: not isinstance(value, dict)):
        kept = {
            name: value if name in NAMES else _blank(value)
            for name, value in payload.items()
            if name in NAMES or is_kept(value)
        }
        try:
            payloads.parse(kept)
        except ValidationError:
            continue
        return kept
    return {name: payload[name] for name in NAMES if name in payload}


def _is_text(value: Any) -> bool:
    return isinstance(value, str | list) and bool(value)


def _blank(value: Any) -> Any:
    if isinstance(value, str):
        return TEXT if value else ""
    if isinstance(value, list):
        return [_blank(value[0])] if value else []
    if isinstance(value, dict):
        return {name: _blank(one) for name, one in value.items()}
    return value
