"""Services by which decisions of reviewers become gold rows: an editor of the course consents, or revokes it."""

from __future__ import annotations

import hashlib

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.reviews import marked
from gradus.reviews.evidence import quoted_rows
from gradus.reviews.models import GoldConsent, GoldRow, Review
from gradus.reviews.services.questions import may_edit
from gradus.submissions.services import Refused


@transaction.atomic
def allow_gold(challenge: Challenge, *, by: User) -> GoldConsent:
    """Consents that decisions about answers which are submitted from now on become gold rows of the question.

    Returns the consent that stands already, if there is one.

    Raises:
        Refused: 403, the person may not edit the course.
    """
    _refuse_others(challenge, by)
    # The database has a constraint for one standing consent, on which `get_or_create` relies.
    consent, created = GoldConsent.objects.get_or_create(
        challenge=challenge, revoked_at=None, defaults={"given_by": by}
    )
    if created:
        staff.note(StaffAction.What.QUESTION_CHANGED, challenge, by=by, gold_of_decisions=True)
    return consent


@transaction.atomic
def stop_gold(challenge: Challenge, *, by: User) -> None:
    """Revokes the consent, if one stands. Rows that were made until then stay.

    Raises:
        Refused: 403, the person may not edit the course.
    """
    _refuse_others(challenge, by)
    standing = GoldConsent.objects.filter(challenge=challenge, revoked_at=None)
    if standing.update(revoked_at=timezone.now(), revoked_by=by):
        staff.note(StaffAction.What.QUESTION_CHANGED, challenge, by=by, gold_of_decisions=False)


def keep_decision(review: Review, marks: dict[str, str], *, by: User) -> GoldRow | None:
    """Makes a gold row of a decision in whose transaction it is called, if an editor has consented to that.

    Returns None where nobody has, where the answer was submitted before the consent, so that its learner was not told,
    or where the question has the text already. Such a row is deleted with the learner's account.
    """
    submission = review.submission
    consent = GoldConsent.objects.filter(challenge=submission.challenge_id, revoked_at=None).first()
    if consent is None or submission.created_at < consent.given_at:
        return None
    version, answer = review.evaluation.version, submission.payload["answer"]
    if marked.has_text(version, answer):
        return None
    row = GoldRow(
        challenge=submission.challenge,
        review=review,
        consent=consent,
        answer=answer,
        digest=hashlib.sha256(answer.encode()).hexdigest(),
        marks=marks,
        quoted=quoted_rows(submission) or None,
        role=marked.of(version).next_role(),
        created_by=by,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        # The consent was revoked, or the same answer was stored, at this very moment.
        return None
    staff.note(StaffAction.What.GOLD_KEPT, row, by=by, review=review.pk, role=row.role, consent=consent.pk)
    return row


def _refuse_others(challenge: Challenge, by: User) -> None:
    if not may_edit(by, challenge):
        raise Refused("not_author", _("Only authors of the course and staff of the site can choose this."), 403)
