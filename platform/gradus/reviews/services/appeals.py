"""Services for appeals. A second grader decides first, if one is set up and the grade is final, and then a person."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.kinds import registry as kinds
from gradus.courses import calibrations
from gradus.notices.models import Notice
from gradus.notices.services import tell
from gradus.refusal import refuse_broken, too_long
from gradus.reviews.models import APPEAL_CHARS, Appeal, Review
from gradus.reviews.services import opening
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Grader, Submission
from gradus.submissions.results.standings import hold_learner
from gradus.submissions.services import Refused
from gradus.submissions.states import State


def has_second_grader() -> bool:
    """Returns True if an appeal goes to another model or judge template before it goes to a person."""
    return bool(settings.APPEAL_MODEL or settings.APPEAL_TEMPLATE)


@transaction.atomic
def appeal(submission: Submission, text: str) -> Appeal:
    """Appeals against a grade, which is possible once. If the grade already waits for a review, that review stays.

    Raises:
        Refused: 409, there is no grade yet, a person has decided, or there is an appeal already; 422, the text is
            empty, too long, or contains a character that is not allowed.
    """
    refuse_broken("text", text)
    if len(text.strip()) > APPEAL_CHARS:
        raise too_long("text", text.strip(), APPEAL_CHARS)
    # An attempt under appeal is not withdrawn, so the two exclude each other.
    hold_learner(submission.user_id)
    evaluation = submission.evaluations.select_related("score").get(is_current=True)
    refuse(submission, evaluation)
    if not text.strip():
        raise Refused("no_reason", _("Say in a sentence or two what the grade overlooks."))
    second = None
    if goes_to_second(submission):
        second = services.regrade(submission, shadow=True, grader=Grader.SECOND)
    made, created = Appeal.objects.get_or_create(
        evaluation=evaluation,
        defaults={
            "submission": submission,
            "text": text.strip(),
            "second": second,
            "stage": Appeal.Stage.SECOND if second else Appeal.Stage.PERSON,
        },
    )
    if not created:
        raise Refused("appealed", _("You have already appealed against this grade. You will see the answer here."), 409)
    if second is None:
        to_person(made)
    return made


def refuse(submission: Submission, evaluation: Evaluation) -> None:
    """Raises `Refused` (409) if a learner cannot appeal against this grade."""
    if submission.details_withheld:
        said = _("You can appeal when your teacher has released the grade with its details.")
        raise Refused("not_released", said, 409)
    if getattr(evaluation, "score", None) is None:
        raise Refused("no_grade", _("There is no grade to appeal against yet."), 409)
    if evaluation.grader == Grader.PERSON and not was_in_bulk(submission):
        raise Refused("decided", _("A person has already decided this grade."), 409)
    if not kinds.find(submission.kind).is_judged:
        raise Refused("computed", _("This score is computed from fixed samples, so a person could not change it."), 409)
    if Appeal.objects.filter(evaluation=evaluation).exists() or submission.appeals.filter(closed_at=None).exists():
        raise Refused("appealed", _("You have already appealed against this grade. You will see the answer here."), 409)


def was_in_bulk(submission: Submission) -> bool:
    """Returns True if a person accepted the machine's marks together with others, without a look at each answer."""
    last = submission.reviews.filter(decided_at__isnull=False).order_by("decided_at", "pk").last()
    return last is not None and last.in_bulk


def can_appeal(submission: Submission) -> bool:
    """Returns True if the learner can appeal against the current grade."""
    try:
        refuse(submission, submission.current)
    except Refused:
        return False
    return True


def goes_to_second(submission: Submission) -> bool:
    """Returns True if an appeal would go to a second grader first.

    It would not if the grade waits for a person anyway or was decided by one, if a second grader has been asked before,
    or if the visitor has no account. It would not either if no judge has passed the gate of this question, because then
    the marks of a second grader could not be final.
    """
    if not has_second_grader() or submission.user.is_guest or submission.current.state != State.SCORED:
        return False
    if submission.current.grader == Grader.PERSON:
        return False
    asked = submission.evaluations.filter(grader=Grader.SECOND).exists()
    return not asked and any(calibrations.passed(submission.current.version))


def second_graded(evaluation: Evaluation) -> None:
    """Ends the second grader's part of an appeal: a higher final grade is adopted, otherwise a person has to decide.

    A second grader never lowers a grade and never rejects an appeal. Only a person can do that.
    """
    made = Appeal.objects.select_for_update().filter(second=evaluation, stage=Appeal.Stage.SECOND).first()
    if made is None:
        return
    if _is_higher(evaluation, made.evaluation):
        services.adopt(evaluation)
        _close(made, Appeal.Outcome.RAISED, evaluation)
    else:
        to_person(made)


def _is_higher(new: Evaluation, old: Evaluation) -> bool:
    proposal = new.proposal
    if proposal is None or proposal["provisional"]:
        return False
    return services.shown_of(new, proposal["value"]) > old.score.shown


def to_person(made: Appeal) -> None:
    """Puts the appeal into the queue. If a review or an audit of the grade exists, it is used for the appeal."""
    evaluation = made.evaluation
    review = Review.objects.select_for_update().filter(evaluation=evaluation).first()
    if review is None:
        shown, kept = evaluation.score.shown, opening.kept_notes(evaluation)
        review = opening.create(evaluation, reasons=[], predicted=shown, place=shown, notes=kept)
    review.reasons, review.follows = ["appeal", *review.reasons], None
    review.save(update_fields=["reasons", "follows"])
    made.stage = Appeal.Stage.PERSON
    made.save(update_fields=["stage"])


def close_by_person(submission: Submission, decided: Evaluation) -> None:
    """Closes the open appeals of a submission, in the transaction of a person's decision."""
    for made in submission.appeals.select_for_update().filter(closed_at=None):
        before, after = made.evaluation.score.shown, decided.score.shown
        raised = Appeal.Outcome.RAISED if after > before else Appeal.Outcome.LOWERED
        _close(made, Appeal.Outcome.KEPT if after == before else raised, decided)


def _close(made: Appeal, outcome: Appeal.Outcome, decided: Evaluation) -> None:
    made.stage, made.outcome, made.closed_at = Appeal.Stage.CLOSED, outcome, timezone.now()
    made.save(update_fields=["stage", "outcome", "closed_at"])
    tell(decided, Notice.Kind.APPEALED)
