"""Services that store decided answers as gold rows, for the author to put into the bundle."""

from __future__ import annotations

import hashlib
import json

from django.db import transaction
from django.utils.translation import gettext as _

from challenges.spec import GoldAnswer, dump
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.reviews.models import GoldRow, Review
from gradus.reviews.services.deciding import refuse_own
from gradus.submissions.services import Refused


@transaction.atomic
def make_gold(review: Review, *, by: User, role: str) -> GoldRow:
    """Stores a decided answer with the person's marks as a gold row, which belongs to the course from then on.

    Raises:
        Refused: 403, it is the person's own answer; 409, it has not been decided; 422, the role is unknown.
    """
    refuse_own(review, by)
    if review.decided_at is None:
        raise Refused("undecided", _("Only an answer that a person has decided can become a gold row."), 409)
    if role not in GoldRow.Role.values:
        raise Refused("bad_role", _("Choose one of: %(roles)s.") % {"roles": ", ".join(GoldRow.Role.values)})
    answer = review.submission.payload["answer"]
    values = {"review": review, "answer": answer, "marks": review.marks, "role": role, "created_by": by}
    digest = hashlib.sha256(answer.encode()).hexdigest()
    row, _created = GoldRow.objects.get_or_create(challenge=review.submission.challenge, digest=digest, defaults=values)
    staff.note(StaffAction.What.GOLD_KEPT, row, by=by, review=review.pk, role=row.role)
    return row


def as_json_lines(challenge: Challenge) -> str:
    """Returns all gold rows of a challenge in the format of `gold.jsonl`, oldest first."""
    rows = (GoldAnswer(answer=r.answer, marks=r.marks, role=r.role) for r in challenge.gold_rows.all())
    return "".join(json.dumps(dump(row), ensure_ascii=False) + "\n" for row in rows)
