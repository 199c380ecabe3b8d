"""The fenced ends of an evaluation. Each changes exactly one row of state, or nothing at all."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from challenges.feedback import floor_to_step, ladder
from gradus.submissions import failpoints, signals
from gradus.submissions.errors import CODES, State
from gradus.submissions.models import Evaluation, InFlight, QuotaSlot, Refund, Score, Standing, Submission
from gradus.submissions.services import events
from gradus.submissions.services.standings import update_standing


class LeaseLost(Exception):
    """The fence has moved on: somebody else has this evaluation, and nothing was written."""


@dataclass(frozen=True)
class Outcome:
    """What a worker found. `result` is what the learner may see; scores are in [0, 1]; None for a run."""

    result: dict[str, Any]
    score: float | None = None
    private_score: float | None = None
    provisional: bool = False
    review: tuple[str, ...] = ()
    grader_version: str = ""
    raw: str = ""
    artifact: str = ""
    notes: dict[str, Any] = field(default_factory=dict)


def record(evaluation_id: int, fence: int, outcome: Outcome) -> Evaluation:
    """Evaluation to `scored` or `review`, score, standing, in one transaction.

    Raises:
        LeaseLost: the fence is not current; everything is rolled back.
    """
    evaluation = _record(evaluation_id, fence, outcome)
    failpoints.reach("record.committed")
    return evaluation


@transaction.atomic
def _record(evaluation_id: int, fence: int, outcome: Outcome) -> Evaluation:
    unsettled = outcome.provisional or bool(outcome.review)
    state = State.REVIEW if unsettled and outcome.score is not None else State.SCORED
    evaluation = _end(
        evaluation_id,
        fence,
        state,
        result=outcome.result,
        raw=outcome.raw,
        artifact=outcome.artifact,
        grader_version=outcome.grader_version,
    )
    if evaluation.submission is not None and outcome.score is not None:
        _make_current(evaluation)
        write_score(evaluation, outcome.score, outcome.private_score, None if unsettled else Score.VerifiedBy.AI)
        _release(evaluation.submission)
    events.write(evaluation, [("finished", {"status": state})])
    signals.recorded.send(sender=Evaluation, evaluation=evaluation, outcome=outcome)
    failpoints.reach("record.uncommitted")
    return evaluation


def write_score(
    evaluation: Evaluation, value: float, private_value: float | None, verified_by: Score.VerifiedBy | None
) -> Score:
    """The score row and the standing; `shown` follows the challenge's feedback mode."""
    submission = evaluation.submission
    assert submission is not None
    spec = submission.version.parsed
    shown = floor_to_step(value, spec.feedback.step)
    if spec.feedback.mode == "ladder":
        best = Standing.objects.filter(
            user=submission.user, challenge=submission.challenge, track=submission.kind
        ).first()
        shown = ladder(best.shown if best else 0.0, value, spec.feedback.step)
    score = Score.objects.create(
        evaluation=evaluation,
        value=value,
        shown=shown,
        private_value=private_value,
        passed=shown >= spec.pass_,
        gold=verified_by is not None and spec.gold is not None and shown >= spec.gold,
        provisional=verified_by is None,
        verified_by=verified_by,
    )
    update_standing(submission.user_id, submission.challenge_id, submission.kind)
    return score


@transaction.atomic
def reject(evaluation_id: int, fence: int, code: str) -> Evaluation:
    """The learner's fault or ours, as the table in `errors` says; refunds where it says so."""
    entry = CODES.get(code) or CODES["internal"]
    evaluation = _end(evaluation_id, fence, entry.state, error_code=code if code in CODES else "internal")
    close(evaluation, code, entry.refund)
    return evaluation


fail = reject


def close(evaluation: Evaluation, reason: str, refund: bool) -> None:
    """Frees the learner's slot, gives the attempt back where due, and says so in the events."""
    if evaluation.submission is not None:
        _release(evaluation.submission)
        if refund and evaluation.number == 1:
            give_back(evaluation.submission, reason)
    events.write(evaluation, [("finished", {"status": evaluation.state, "code": evaluation.error_code})])


@transaction.atomic
def postpone(evaluation_id: int, fence: int, seconds: float, reason: str) -> Evaluation:
    """`running -> queued` later, without counting the attempt (a judge that is busy is not a crash)."""
    changed = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING).update(
        state=State.QUEUED,
        lease_until=None,
        attempt=F("attempt") - 1,
        available_at=Now() + timedelta(seconds=seconds),
        postponed_since=Coalesce(F("postponed_since"), Now()),
    )
    if changed != 1:
        raise LeaseLost
    evaluation = Evaluation.objects.get(pk=evaluation_id)
    events.write(evaluation, [("postponed", {"reason": reason, "seconds": round(seconds)})])
    return evaluation


@transaction.atomic
def release(evaluation_id: int, fence: int) -> bool:
    """The worker is told to end: back to the queue at once, the attempt not counted. False where it is not ours."""
    held = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING)
    return held.update(state=State.QUEUED, lease_until=None, attempt=F("attempt") - 1, available_at=Now()) == 1


def _end(evaluation_id: int, fence: int, state: State, **values: Any) -> Evaluation:
    changed = Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING).update(
        state=state, lease_until=None, finished_at=Now(), **values
    )
    if changed != 1:
        raise LeaseLost
    return Evaluation.objects.select_related("submission__version", "submission__user", "run").get(pk=evaluation_id)


def _make_current(evaluation: Evaluation) -> None:
    """A regrade becomes current only with its result, so that a regrade that fails takes no score away."""
    if not evaluation.is_current:
        Evaluation.objects.filter(submission=evaluation.submission, is_current=True).update(is_current=False)
        Evaluation.objects.filter(pk=evaluation.pk).update(is_current=True)
        evaluation.is_current = True


def _release(submission: Submission) -> None:
    InFlight.objects.filter(submission=submission).delete()


def give_back(submission: Submission, reason: str) -> None:
    """Deletes the quota slot and logs why; twice is the same as once."""
    deleted, _ = QuotaSlot.objects.filter(submission=submission).delete()
    if deleted:
        Refund.objects.get_or_create(submission=submission, defaults={"reason": reason})


def retry(evaluation_id: int, fence: int, *, after_seconds: float = 2) -> bool:
    """Our machine stumbled: back to the queue with the attempt counted. The reconciler ends it after the last."""
    return (
        Evaluation.objects.filter(pk=evaluation_id, fence=fence, state=State.RUNNING).update(
            state=State.QUEUED, lease_until=None, available_at=Now() + timedelta(seconds=after_seconds)
        )
        == 1
    )
