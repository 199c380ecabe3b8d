"""New evaluations of old submissions: a regrade by the machine, a decision by a person."""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from gradus.accounts.models import User
from gradus.courses import calibrations
from gradus.courses.models import ChallengeVersion
from gradus.submissions import bell, signals
from gradus.submissions.models import Evaluation, Grader, Score, Submission
from gradus.submissions.services import events
from gradus.submissions.services.finish import make_current, released, shown_of, write_score
from gradus.submissions.services.refusal import Refused
from gradus.submissions.states import State

# Nobody waits at a page for a regrade, so every learner's attempt is claimed before it.
LAST_IN_THE_QUEUE = 1000


@transaction.atomic
def regrade(
    submission: Submission,
    *,
    shadow: bool = False,
    grader: Grader = Grader.AI,
    graded_version: ChallengeVersion | None = None,
) -> Evaluation:
    """Queues a new evaluation. A person's decision stays current: it is never regraded away.

    Its score becomes current when it is recorded, but is held where the run is a `shadow` and where it would lower a
    final grade; `adopt` takes it then. `graded_version` is the version to grade by, where it is not that of the
    submission.

    Raises:
        Refused: 409 while an evaluation is open, or where a person has decided.
    """
    last = _lock_current(submission)
    if last.grader == Grader.PERSON:
        raise Refused("decided", "A person has decided this grade; it is not regraded by a machine.", 409)
    rank = LAST_IN_THE_QUEUE if shadow and grader == Grader.AI else 0
    values = {
        "shadow": shadow,
        "grader": grader,
        "graded_version": graded_version or last.graded_version,
        "fair_share_rank": rank,
    }
    evaluation = _succeed(last, state=State.QUEUED, is_current=False, **values)
    bell.ring_after_commit(evaluation.lane)
    return evaluation


@transaction.atomic
def adopt(evaluation: Evaluation, *, by: User | None = None) -> Score:
    """A held score becomes the current one; `by` is the person who approves, without whom no grade goes down.

    Raises:
        Refused: 409 where nothing is held, a person has decided, or the new score is in doubt; 403 where it is lower
            than a final one and nobody approves.
    """
    assert evaluation.submission is not None
    last = _lock_current(evaluation.submission)
    held = Evaluation.objects.select_for_update().get(pk=evaluation.pk)
    if held.proposal is None or held.number < last.number:
        raise Refused("not_held", "There is no newer grade to adopt.", 409)
    if last.grader == Grader.PERSON:
        raise Refused("decided", "A person has decided this grade; it stays.", 409)
    before, proposal = released(evaluation.submission), held.proposal
    judge = (proposal["judge"][0], proposal["judge"][1]) if proposal["judge"] else None
    calibration = calibrations.behind(held.version, judge)
    if judge is not None and calibration is None and not proposal["provisional"]:
        raise Refused("in_doubt", "A newer measurement has taken the judge's gate away; the grade stays.", 409)
    if before is not None and proposal["provisional"]:
        raise Refused("in_doubt", "The new grade is in doubt itself; the final one stays.", 409)
    lowers = before is not None and shown_of(held, proposal["value"]) < before
    if lowers and by is None:
        raise Refused("lowers", "A final grade is lowered by a person only.", 403)
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
    signals.adopted.send(sender=Evaluation, evaluation=held, proposal=proposal)
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
    """A person's grade in [0, 1]: a new current evaluation by the grader `person`, scored at once.

    Raises:
        Refused: 409 while an evaluation is open.
    """
    last = _lock_current(submission)
    before = released(submission)
    Evaluation.objects.filter(pk=last.pk).update(is_current=False)
    values = {"grader": Grader.PERSON, "result": result, "graded_version": graded_version or last.graded_version}
    evaluation = _succeed(last, state=State.SCORED, finished_at=Now(), **values)
    write_score(evaluation, value, None, Score.VerifiedBy.PERSON, before=before, person=by)
    events.write(evaluation, [("finished", {"status": State.SCORED})])
    return evaluation


def _lock_current(submission: Submission) -> Evaluation:
    last = Evaluation.objects.select_for_update().get(submission=submission, is_current=True)
    if Evaluation.objects.open().filter(submission=submission).exists():
        raise Refused("open", "This submission is being graded. Wait until that has ended.", 409)
    return last


def _succeed(last: Evaluation, **values: Any) -> Evaluation:
    top = Evaluation.objects.filter(submission=last.submission).aggregate(top=Max("number"))["top"]
    return Evaluation.objects.create(submission=last.submission, number=top + 1, lane=last.lane, **values)
