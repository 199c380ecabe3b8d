"""Checks the database after faults with a small model of the states, and reports what is broken.

Everything is read with plain queries. The services under test do not decide here what is right.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, connection, transaction

from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Refund, Score, Slot, Standing, Submission
from gradus.submissions.results.standings import differences

# The model of the states: all evaluations begin in `queued`, each claim writes `started`, and each end `finished`.
NEXT = {
    "queued": {"running", "cancelled", "failed"},
    "running": {"running", "scored", "rejected", "failed", "review", "cancelled"},
}
ENDS = ("scored", "rejected", "failed", "review", "cancelled")
# Only prompts with these words may use up an attempt without a score; see `stub_runner.py`.
AT_FAULT = ("hang", "diverge")
REFUNDED = {"failed": True, "rejected": False, "scored": False, "review": False}
# No attempt is spent on a training run that diverged.
GIVEN_BACK = {"diverged"}


@dataclass
class History:
    """The number of evaluations by state, and a line for each violation."""

    counts: dict[str, int] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"counts": self.counts, "lost": self.lost, "doubled": self.doubled, "broken": self.broken}


def read(acknowledged: set[str]) -> History:
    """Reads the database; `acknowledged` are the idempotency keys whose submission a client was told of."""
    found = History()
    submissions = list(Submission.objects.all())
    evaluations = list(Evaluation.objects.filter(submission__isnull=False).select_related("submission"))
    _arrivals(found, acknowledged, submissions)
    _states(found, submissions, evaluations)
    _scores(found, evaluations)
    _events(found, evaluations)
    _slots(found, evaluations)
    _blame(found, evaluations)
    _same_work_same_score(found, evaluations)
    found.broken += [f"standing {line}" for line in differences()]
    found.broken += _unguarded()
    return found


def _arrivals(found: History, acknowledged: set[str], submissions: list[Submission]) -> None:
    keys = Counter((one.user_id, one.idempotency_key) for one in submissions)
    found.doubled += [f"submission {key}" for key, count in keys.items() if count > 1]
    found.lost += [f"submission {key}" for key in sorted(acknowledged - {key for _, key in keys})]


def _states(found: History, submissions: list[Submission], evaluations: list[Evaluation]) -> None:
    current = {one.submission_id: one for one in evaluations if one.is_current}
    states = Counter("open" if one.is_open else one.state for one in current.values())
    found.counts = {"accepted": len(submissions), **{name: states[name] for name in (*ENDS, "open")}}
    if sum(states.values()) != len(submissions):
        found.broken.append(f"{len(submissions)} accepted, but {dict(states)}")
    if len(current) != len(evaluations):
        found.doubled.append(f"{len(evaluations)} evaluations of {len(current)} submissions")
    found.broken += [f"evaluation {one.pk} attempt {one.attempt}" for one in evaluations if one.attempt > one.fence]


def _scores(found: History, evaluations: list[Evaluation]) -> None:
    """Checks that each scored evaluation has exactly one score, written by the holder of its fence."""
    scores = Counter(Score.objects.values_list("evaluation_id", flat=True))
    for one in evaluations:
        wanted = 1 if one.state in ("scored", "review") else 0
        if scores[one.pk] > wanted:
            found.doubled.append(f"evaluation {one.pk} is {one.state} with {scores[one.pk]} scores")
        if scores[one.pk] < wanted:
            found.lost.append(f"score of evaluation {one.pk}")
        if wanted and one.raw != f"raw/{one.pk}/{one.fence}.json":
            found.doubled.append(f"evaluation {one.pk}, fence {one.fence}, was recorded by {one.raw}")


def _events(found: History, evaluations: list[Evaluation]) -> None:
    """Replays the events of each evaluation through the model; the number of claims must equal the fence."""
    events: dict[int, list[Event]] = defaultdict(list)
    for event in Event.objects.filter(type__in=("started", "finished")).order_by("evaluation_id", "seq"):
        events[event.evaluation_id].append(event)
    for one in evaluations:
        if problem := _replay(one, events[one.pk]):
            found.broken.append(f"evaluation {one.pk}: {problem}")


def _replay(evaluation: Evaluation, events: list[Event]) -> str:
    state, claims = "queued", 0
    for event in events:
        following = "running" if event.type == "started" else event.data["status"]
        if following not in NEXT.get(state, set()):
            return f"{following} after {state}"
        state, claims = following, claims + (event.type == "started")
    if claims != evaluation.fence:
        return f"{claims} claims, but fence {evaluation.fence}"
    if state != evaluation.state and not (state == "running" and evaluation.state == "queued"):
        return f"{evaluation.state}, but its events end with {state}"
    return ""


def _slots(found: History, evaluations: list[Evaluation]) -> None:
    slots = set(Slot.objects.of(limits.ATTEMPTS).values_list("submission_id", flat=True))
    refunds = set(Refund.objects.values_list("submission_id", flat=True))
    flights = set(Slot.objects.of(limits.OPEN_SUBMISSIONS).values_list("submission_id", flat=True))
    for one in evaluations:
        has_slot, has_refund = one.submission_id in slots, one.submission_id in refunds
        if has_slot == has_refund:
            found.broken.append(f"submission {one.submission_id}: slot {has_slot}, refund {has_refund}")
        due = one.error_code in GIVEN_BACK or REFUNDED.get(one.state, has_refund if one.state == "cancelled" else False)
        if has_refund != due:
            found.broken.append(f"submission {one.submission_id} is {one.state}: refund {has_refund}")
        if (one.submission_id in flights) != one.is_open:
            found.broken.append(f"submission {one.submission_id} is {one.state}, in flight: {not one.is_open}")
    used: Counter[Any] = Counter(Submission.objects.values_list("user_id", "challenge_id", "created_at__date"))
    refunded = Counter(Refund.objects.values_list("submission__user_id", flat=True))
    for (user, challenge, _), count in used.items():
        of_challenge = Slot.objects.of(limits.ATTEMPTS).filter(submission__challenge=challenge)
        allowed = of_challenge.values_list("allowed", flat=True).first()
        if count - refunded[user] > (allowed or 0):
            found.broken.append(f"learner {user} has {count} attempts of {allowed}")


def _blame(found: History, evaluations: list[Evaluation]) -> None:
    """Checks that no learner lost an attempt through a fault of a machine."""
    for one in evaluations:
        assert one.submission is not None
        instructions = one.submission.payload["instructions"]
        if one.state == "rejected" and not any(word in instructions for word in AT_FAULT):
            told = f"{one.error_code}, attempt {one.attempt}, {one.started_at} to {one.finished_at}"
            found.broken.append(f"evaluation {one.pk} is rejected for a fault of the machine: {told}")


def _same_work_same_score(found: History, evaluations: list[Evaluation]) -> None:
    """Checks that equal payloads got equal scores, because seeds are fixed."""
    values = dict(Score.objects.values_list("evaluation_id", "value"))
    by_payload: dict[str, set[float]] = defaultdict(set)
    for one in evaluations:
        if one.pk in values:
            assert one.submission is not None
            by_payload[one.submission.payload_sha256].add(values[one.pk])
    found.broken += [f"payload {name[:8]} has scores {kept}" for name, kept in by_payload.items() if len(kept) > 1]


def _unguarded() -> list[str]:
    """The rules that the database itself does not enforce: it accepts a copy of a row that must be unique."""
    tries = (Score, Standing, Slot)
    return [f"the database takes a second {model.__name__}" for model in tries if _takes_twice(model)]


def _takes_twice(model: Any) -> bool:
    """Whether the database accepts a copy of a row by plain SQL; the copy is rolled back."""
    table, columns = model._meta.db_table, [f.column for f in model._meta.local_fields if f.column != "id"]
    names = ", ".join(f'"{name}"' for name in columns)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f'insert into "{table}" ({names}) select {names} from "{table}" limit 1')
                inserted = cursor.rowcount
            transaction.set_rollback(True)
    except IntegrityError:
        return False
    return inserted > 0
