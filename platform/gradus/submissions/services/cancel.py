"""Services that cancel submissions, runs and shadow evaluations."""

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from gradus.refusal import Refused
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Evaluation, Run, Submission
from gradus.submissions.results.standings import update_standing
from gradus.submissions.services.finish import close
from gradus.submissions.services.regrade import lock_current, succeed
from gradus.submissions.states import OPEN, State


@transaction.atomic
def cancel(submission: Submission) -> Evaluation:
    """Cancels an open submission at once. Its worker notices that at its next heartbeat.

    A running attempt is given back to the quota at most twice a day, and one that waits ten times.

    Raises:
        Refused: 409, the submission has already ended. Nothing has changed.
    """
    evaluation = Evaluation.objects.select_for_update().get(submission=submission, is_current=True)
    if not evaluation.is_open or evaluation.number > 1:
        raise Refused("not_open", _("This attempt has already ended, so there is nothing to cancel."), 409)
    was_running = evaluation.state == State.RUNNING
    refund = slots.try_again(lambda: _gives_back(submission, was_running))
    code = "cancelled" if refund else "cancelled_late"
    if not _end(evaluation, code):
        raise Refused("not_open", _("This attempt has just ended, so there is nothing to cancel."), 409)
    close(evaluation, "cancelled_running" if was_running and refund else code, refund)
    return evaluation


@transaction.atomic
def cancel_run(run: Run) -> Evaluation:
    """Cancels an open run at once, and frees its slot among the learner's open runs. A run costs no attempt.

    Raises:
        Refused: 409, the run has already ended. Nothing has changed.
    """
    evaluation = Evaluation.objects.select_for_update().get(run=run, is_current=True)
    if not evaluation.is_open or not end_run(evaluation):
        raise Refused("not_open", _("This run has already ended, so there is nothing to cancel."), 409)
    return evaluation


def end_run(evaluation: Evaluation) -> bool:
    """Cancels the open evaluation of a run in the caller's transaction. Returns False if it has just ended."""
    ended = _end(evaluation, "run_cancelled")
    if ended:
        close(evaluation, "run_cancelled", refund=False)
    return ended


def end_for_good(evaluation_id: int) -> None:
    """Cancels an open evaluation of any kind in the caller's transaction, and gives no attempt back."""
    found = Evaluation.objects.open().select_for_update(of=("self",)).filter(pk=evaluation_id)
    evaluation = found.select_related("submission__user", "run").first()
    if evaluation is not None and _end(evaluation, "run_cancelled" if evaluation.run_id else "cancelled_late"):
        close(evaluation, evaluation.error_code, refund=False)


def _end(evaluation: Evaluation, code: str) -> bool:
    """Sets the state to cancelled. Returns False if another transaction has changed the evaluation meanwhile."""
    changed = Evaluation.objects.filter(pk=evaluation.pk, state=evaluation.state, fence=evaluation.fence).update(
        state=State.CANCELLED, lease_until=None, error_code=code, finished_at=Now(), cancel_requested=True
    )
    evaluation.refresh_from_db()
    return changed == 1


def _gives_back(submission: Submission, was_running: bool) -> bool:
    """Takes a slot of the attempts that the learner gets back today. Returns False if there is none left."""
    limit = limits.CANCELLED_RUNNING if was_running else limits.CANCELLED_WAITING
    use = Use(user=submission.user, challenge=submission.challenge)
    return slots.take_if_free(limit, use, submission=submission) is not None


@transaction.atomic
def withdraw_attempt(submission: Submission, *, asked_judge: bool) -> Evaluation:
    """Ends an attempt that waits for a person, because a later one of its learner waits in its place.

    Its grade stays in the database, but no longer counts. The attempt is given back as a cancelled one is, and if
    grading it has cost calls to a judge (`asked_judge`), as seldom as one that was running.
    Otherwise, handing in again and again would cost the learner nothing and the site any number of calls.

    Raises:
        Refused: 409, the attempt does not wait for a person.
    """
    last = lock_current(submission)
    if last.state != State.REVIEW:
        raise Refused("not_open", _("This attempt does not wait for a person, so it cannot be withdrawn."), 409)
    refund = slots.try_again(lambda: _gives_back(submission, asked_judge))
    code = "withdrawn" if refund else "withdrawn_late"
    Evaluation.objects.filter(pk=last.pk).update(is_current=False)
    evaluation = succeed(last, state=State.CANCELLED, error_code=code, finished_at=Now())
    if refund:
        slots.give_back(submission, code)
    close(evaluation, code, refund=False)
    update_standing(submission.user_id, submission.challenge_id, submission.kind)
    return evaluation


@transaction.atomic
def withdraw(evaluation: Evaluation) -> bool:
    """Cancels an open shadow evaluation. The current grade does not change. Returns False if it had ended already."""
    waiting = Evaluation.objects.filter(pk=evaluation.pk, shadow=True, state__in=OPEN)
    changed = waiting.update(
        state=State.CANCELLED, lease_until=None, error_code="cancelled", finished_at=Now(), cancel_requested=True
    )
    if changed:
        evaluation.refresh_from_db()
        close(evaluation, "cancelled", refund=False)
    return bool(changed)
