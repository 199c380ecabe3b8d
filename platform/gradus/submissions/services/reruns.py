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
from challenges.kinds.base import Lane
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses import preview
from gradus.refusal import Refused
from gradus.submissions import queue
from gradus.submissions.models import Evaluation, Grader, Rerun, Run, Submission
from gradus.submissions.results.board_decisions import refuse_own_entry
from gradus.submissions.services.purpose import Purpose

OTHERS_MAX = 3


class Again(Purpose):
    """An attempt that staff run again, in the lane of its kind.

    The attempt alone has the payload, so that nothing of it is left when its learner deletes the account.
    """

    name = "again"
    is_awaited = False
    on_hidden_rows = True

    def lane(self, kind: str) -> Lane:
        return kinds.find(kind).lane

    def graded(self, evaluation: Evaluation) -> Submission:
        assert evaluation.run is not None
        attempt: Submission = evaluation.run.rerun.submission
        return attempt

    def load(self, run: Run) -> dict[str, Any]:
        return {"seed": run.rerun.seed if kinds.find(run.kind).is_trained else None}

    def recorded(self, evaluation: Evaluation, outcome: Outcome) -> None:
        _end(evaluation, value=outcome.score)

    def closed(self, evaluation: Evaluation) -> None:
        _end(evaluation, error_code=evaluation.error_code or "internal")


AGAIN = Again()


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
                run = AGAIN.run(version, submission.kind, {})
                run.save()
                values = {"seed": seed, "own_seed": seed == own, "before": score.value, "asked_by": by}
                step = version.parsed.feedback.step
                made.append(Rerun.objects.create(submission=submission, run=run, step=step, **values))
                AGAIN.evaluation(run).save()
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


def _end(evaluation: Evaluation, **values: Any) -> None:
    ended = {"finished_at": timezone.now(), "engine_profile": evaluation.engine_profile, **values}
    Rerun.objects.filter(run=evaluation.run, finished_at=None).update(**ended)
