"""The service with which people who may edit a course choose how a question is reviewed."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses.models import Challenge
from gradus.reviews.models import QuestionSettings, Review
from gradus.reviews.services.opening import DRAW
from gradus.submissions.services import Refused

# How answers of learners are graded, and whether they become a part of the course, concerns both axes.
NEEDED = Scope(Content.EDITOR, LearnerData.EDITOR)


def may_edit(user: User, challenge: Challenge) -> bool:
    """Returns True for those who may edit both the question's course and the grades of its learners."""
    return roles.may(user, challenge.course_id, NEEDED)


def mark_question_blind(challenge: Challenge, *, by: User, blind: bool) -> QuestionSettings:
    """Chooses whether reviewers of this question mark each answer before they see the machine's marks.

    The choice holds for the answers that wait as well, except for those that a reviewer holds at this moment and those
    that were drawn to check a bulk acceptance.

    Raises:
        Refused: 403, the person may not edit the course.
    """
    if not may_edit(by, challenge):
        raise Refused("not_author", _("Only authors of the course and staff of the site can choose this."), 403)
    with transaction.atomic():
        chosen, _created = QuestionSettings.objects.update_or_create(challenge=challenge, defaults={"blind": blind})
        staff.note(StaffAction.What.QUESTION_CHANGED, challenge, by=by, blind=blind)
    # Each answer by itself, so that no two transactions wait for answers that the other one has changed.
    waiting = Review.objects.undecided().free_for(None).filter(submission__challenge=challenge, blind_at=None)
    for review in waiting.filter(kind=Review.Kind.REVIEW, blind=not blind):
        now = Review.objects.undecided().free_for(None).filter(pk=review.pk, blind_at=None)
        if blind:
            # A place by score would reveal what the machine found.
            now.update(blind=True, place=DRAW.random())
        elif "bulk-check" not in review.reasons:
            now.update(blind=False, place=Coalesce("predicted", 0.0))
    return chosen
