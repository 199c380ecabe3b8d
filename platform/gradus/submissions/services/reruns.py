"""Runs an attempt again, for staff: with the same seed, and with others where the method trains.

The score of such a run is compared with that of the attempt, and never counts: the run is no evaluation of the attempt,
belongs to nobody, and is claimed behind all learners' work. A difference is evidence for a person, not a verdict.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.jobs import Outcome
from challenges.kinds import registry as kinds
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses import preview
from gradus.refusal import Refused
from gradus.submissions import queue
from gradus.submissions.models import Evaluation, Grader, Rerun, Run, Submission
from gradus.submissions.services.boards import refuse_own_entry
from gradus.submissions.services.runs import check_of

OTHERS_MAX = 3


def run_again(submission: Submission, *, by: User, others: int = 0) -> list[Rerun]:
    """Queues a run of an attempt with its own seed, and with the next `others` ones where its method trains.

    Raises:
        Http404, Refused: 403, the person may not; 409 `own_entry`, `deleted`, `decided`, `not_graded`, or `open`, it is
            being run again already; 422 `judged`, a judge marks such attempts, or `invalid`, so many cannot be asked.
    """
    roles.refuse_unless(by, submission.challenge.course_id, roles.DECIDES)
    preview.refuse()
    kind = kinds.find(submission.kind)
    last = _compared(submission, by)
    version, score = last.version, last.score
    if not 0 <= others <= (OTHERS_MAX if kind.is_trained else 0):
        raise Refused("invalid", _("Choose one of the numbers of seeds that are offered."))
    own = kind.seed(version.parsed)
    try:
        with transaction.atomic():
            made = []
            for seed in range(own, own + others + 1):
                run, lane = check_of(version, Run.Purpose.AGAIN, submission.kind)
                run.save()
                values = {"seed": seed, "own_seed": seed == own, "before": score.value, "asked_by": by}
                step = version.parsed.feedback.step
                made.append(Rerun.objects.create(submission=submission, run=run, step=step, **values))
                rank = queue.rank_of_run(run.purpose, 0)
                Evaluation.objects.create(run=run, lane=lane, fair_share_rank=rank)
            queue.ring_after_commit(kind.lane)
            noted = {"submission": str(submission.uuid), "seeds": [one.seed for one in made]}
            staff.note(StaffAction.What.ATTEMPT_RERUN, submission.challenge, by=by, **noted)
    except IntegrityError:
        raise Refused(
            "open", _("This attempt is being run again already. Wait until that has finished."), 409
        ) from None
    return made


def _compared(submission: Submission, by: User) -> Evaluation:
    """Returns the evaluation of the attempt that counts. Raises `Refused` where it cannot be computed again."""
    refuse_own_entry(by, submission.user_id)
    if submission.user.deleted_at is not None:
        raise Refused("deleted", _("The account of the learner was deleted, so there is nothing left to grade."), 409)
    if kinds.find(submission.kind).is_judged:
        raise Refused("judged", _("A judge marks these attempts. To have them marked again, start a shadow run."))
    last = submission.evaluations.select_related("score", "graded_version").get(is_current=True)
    if last.grader == Grader.PERSON:
        raise Refused("decided", _("A person has decided this grade, so there is nothing to compute again."), 409)
    if not hasattr(last, "score"):
        raise Refused("not_graded", _("This attempt has no score yet."), 409)
    return last


def on_recorded(sender: object, evaluation: Evaluation, outcome: Outcome, **extra: Any) -> None:
    """A run has ended: its score is kept for staff, in the same transaction."""
    if evaluation.run is not None and evaluation.run.purpose == Run.Purpose.AGAIN:
        _end(evaluation, value=outcome.score)


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """A run was refused or cancelled, or no machine could end it."""
    if evaluation.run is not None and evaluation.run.purpose == Run.Purpose.AGAIN:
        _end(evaluation, error_code=evaluation.error_code or "internal")


def _end(evaluation: Evaluation, **values: Any) -> None:
    ended = {"finished_at": timezone.now(), "engine_profile": evaluation.engine_profile, **values}
    Rerun.objects.filter(run=evaluation.run, finished_at=None).update(**ended)
