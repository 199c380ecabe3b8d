"""Services that grade a submission again: a regrade by a worker, or a decision by a person."""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gradus.accounts.models import User
from gradus.courses import calibrations
from gradus.courses.models import ChallengeVersion
from gradus.refusal import Refused
from gradus.submissions import events, queue
from gradus.submissions.models import Evaluation, Grader, Score, Submission
from gradus.submissions.results.standings import hold_learner
from gradus.submissions.services.finish import make_current, released, shown_of, write_score
from gradus.submissions.states import WITHDRAWN, State

WITHDRAWN_WORDS = gettext_lazy("This attempt was withdrawn, because the learner handed in a later one.")


@transaction.atomic
def regrade(
    submission: Submission,
    *,
    shadow: bool = False,
    grader: Grader = Grader.AI,
    graded_version: ChallengeVersion | None = None,
) -> Evaluation:
    """Queues a new evaluation of a submission. A decision by a person is never replaced by a regrade.

    The new score becomes current when it is recorded. It is only held if the regrade is a `shadow`, or if it would
    lower a final grade; then `adopt` can make it current. `graded_version` is the version to grade by, if it is not the
    submission's own.

    Raises:
        Refused: 409, an evaluation is open, a person has decided, or the learner's account was deleted.
    """
    last = _lock_settled(submission)
    if User.objects.filter(pk=submission.user_id).exclude(deleted_at=None).exists():
        # A trigger refuses it as well.
        raise Refused("deleted", _("The account of the learner was deleted, so there is nothing left to grade."), 409)
    if last.grader == Grader.PERSON:
        raise Refused("decided", _("A person has decided this grade, so it cannot be regraded."), 409)
    values = {
        "shadow": shadow,
        "grader": grader,
        "graded_version": graded_version or last.graded_version,
        "fair_share_rank": queue.rank_of_regrade(shadow=shadow, grader=grader),
    }
    evaluation = succeed(last, state=State.QUEUED, is_current=False, **values)
    queue.ring_after_commit(evaluation.lane)
    return evaluation


@transaction.atomic
def adopt(evaluation: Evaluation, *, by: User | None = None) -> Score:
    """Makes a held score the current one. `by` is the person who approves it; without one, no grade is lowered.

    Raises:
        Refused: 409, no score is held, a person has decided, or the new score is provisional; 403, the new score is
            lower than a final one and no person approves it.
    """
    assert evaluation.submission is not None
    last = _lock_settled(evaluation.submission)
    held = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    if held.proposal is None or held.number < last.number:
        raise Refused("not_held", _("There is no newer grade to adopt."), 409)
    if last.grader == Grader.PERSON:
        raise Refused("decided", _("A person has decided this grade, so it does not change."), 409)
    before, proposal = released(evaluation.submission), held.proposal
    judge = (proposal["judge"][0], proposal["judge"][1]) if proposal["judge"] else None
    calibration = calibrations.behind(held.version, judge)
    if judge is not None and calibration is None and not proposal["provisional"]:
        said = _("By a newer calibration, the judge no longer passes the gate, so the grade does not change.")
        raise Refused("in_doubt", said, 409)
    if before is not None and proposal["provisional"]:
        said = _("The new grade is only provisional, so the final grade does not change.")
        raise Refused("in_doubt", said, 409)
    lowers = before is not None and shown_of(held, proposal["value"]) < before
    if lowers and by is None:
        raise Refused("lowers", _("Only a person can lower a final grade."), 403)
    held.proposal = None
    held.save(update_fields=["proposal"])
    make_current(held)
    verified_by = None if proposal["provisional"] else Score.VerifiedBy.AI
    person = by if lowers else None
    score = write_score(
        held,
        proposal["value"],
        proposal["private"],
        verified_by,
        before=before,
        person=person,
        judge=judge,
        calibration=calibration,
    )
    events.adopted.send(sender=Evaluation, evaluation=held, proposal=proposal)
    return score


@transaction.atomic
def decide(
    submission: Submission,
    *,
    by: User,
    value: float,
    result: dict[str, Any],
    graded_version: ChallengeVersion | None = None,
) -> Evaluation:
    """Records a person's grade in [0, 1] as a new current evaluation by the grader `person`.

    Raises:
        Refused: 409, an evaluation is open.
    """
    last = _lock_settled(submission)
    before = released(submission)
    Evaluation.objects.filter(pk=last.pk).update(is_current=False)
    values = {"grader": Grader.PERSON, "result": result, "graded_version": graded_version or last.graded_version}
    evaluation = succeed(last, state=State.SCORED, finished_at=Now(), **values)
    write_score(evaluation, value, None, Score.VerifiedBy.PERSON, before=before, person=by)
    events.write(evaluation, [("finished", {"status": State.SCORED})])
    return evaluation


def lock_current(submission: Submission) -> Evaluation:
    """Locks the learner and then the current evaluation: whatever changes a grade takes these locks in this order."""
    hold_learner(submission.user_id)
    return Evaluation.objects.select_for_update().get(submission=submission, is_current=True)


def _lock_settled(submission: Submission) -> Evaluation:
    """Does the same as `lock_current`. Raises `Refused` if an evaluation is open, or the attempt withdrawn."""
    # A worker that records a grade holds its evaluation and then waits for the learner. What is refused here must not
    # wait for it the other way round.
    _refuse_open(submission)
    last = lock_current(submission)
    if last.error_code in WITHDRAWN:
        raise Refused("withdrawn", str(WITHDRAWN_WORDS), 409)
    _refuse_open(submission)
    return last


def _refuse_open(submission: Submission) -> None:
    if Evaluation.objects.open().filter(submission=submission).exists():
        raise Refused("open", _("This submission is being graded. Wait until that has finished."), 409)


def succeed(last: Evaluation, **values: Any) -> Evaluation:
    """Creates the submission's next evaluation. `last` must be locked."""
    top = Evaluation.objects.filter(submission=last.submission).aggregate(top=Max("number"))["top"]
    return Evaluation.objects.create(submission=last.submission, number=top + 1, lane=last.lane, **values)
