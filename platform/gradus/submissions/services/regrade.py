"""New evaluations of old submissions: a regrade by the machine, a decision by a person."""

from typing import Any

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from gradus.submissions import bell
from gradus.submissions.errors import State
from gradus.submissions.models import Evaluation, Score, Submission
from gradus.submissions.services import events
from gradus.submissions.services.finish import write_score
from gradus.submissions.services.refusal import Refused


def regrade(submission: Submission) -> Evaluation:
    """Queues a new evaluation. A person's decision stays current: it is never regraded away.

    Raises:
        Refused: 409 while an evaluation is open, or where a person has decided.
    """
    with transaction.atomic():
        last = _lock_current(submission)
        if last.grader == "person":
            raise Refused("decided", "A person has decided this grade; it is not regraded by a machine.", 409)
        evaluation = _succeed(last, state=State.QUEUED, is_current=False)
    bell.ring(evaluation.lane)
    return evaluation


@transaction.atomic
def decide(submission: Submission, *, value: float, result: dict[str, Any]) -> Evaluation:
    """A person's grade in [0, 1]: a new current evaluation by the grader `person`, scored at once."""
    last = _lock_current(submission)
    Evaluation.objects.filter(pk=last.pk).update(is_current=False)
    evaluation = _succeed(last, state=State.SCORED, grader="person", result=result, finished_at=Now())
    write_score(evaluation, value, None, Score.VerifiedBy.PERSON)
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
