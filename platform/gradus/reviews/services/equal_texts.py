"""The service that gives the same marks to answers with the same text."""

from __future__ import annotations

from collections.abc import Collection

from django.db import transaction

from gradus.accounts.models import User
from gradus.reviews import desk
from gradus.reviews.models import Review
from gradus.reviews.services.deciding import decide, mark_blind
from gradus.submissions.results.standings import hold_learners
from gradus.submissions.services import Refused


@transaction.atomic
def decide_equal(
    review: Review, *, by: User, marks: dict[str, str], reason: str, comment: str, blind: bool, ids: Collection[int]
) -> list[int]:
    """Decides an answer, or marks it blind, and gives marks and comment to others that wait with the same text.

    Each of them gets a decision of its own. `ids` are those that the person was shown. Those that no longer have the
    same text and version, or that somebody else has decided or holds in the meantime, are left out; so are all if the
    blind marks differ from the machine's, because nothing is decided then.

    Returns:
        The keys of the others that are decided now.

    Raises:
        Refused: as `decide` and `mark_blind`, about the answer itself.
    """
    others = [other for other in desk.equal_to(by, review) if other.pk in ids]
    # All in one order, so that two reviewers never wait for each other.
    hold_learners(one.submission.user_id for one in [review, *others])
    if blind:
        mark_blind(review, by=by, marks=marks, comment=comment)
    else:
        decide(review, by=by, marks=marks, reason=reason, comment=comment)
    review.refresh_from_db()
    if review.decided_at is None or not others:
        return []
    held = {other.pk for other in others}
    return [other.pk for other in desk.equal_to(by, review) if other.pk in held and _give(other, review, by)]


def _give(other: Review, review: Review, by: User) -> bool:
    try:
        with transaction.atomic():
            if other.is_blind:
                mark_blind(other, by=by, marks=review.blind_marks or review.marks, comment=review.comment)
            if other.decided_at is None:
                decide(other, by=by, marks=review.marks, reason=review.reason, comment=review.comment)
    except Refused:
        return False
    return True
