"""The service that accepts the machine's marks of several answers to a question, if its certainty has earned that."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from challenges import marks as table
from challenges.kinds.rubric import free_text
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import certainty, queue
from gradus.reviews.accuracy import CONTENTS, GRADED
from gradus.reviews.certainty import Certainty
from gradus.reviews.models import Appeal, Review, ReviewQuerySet
from gradus.reviews.review_reasons import about_all
from gradus.reviews.services import locks
from gradus.reviews.services.deciding import decide, machine_marks, refuse_own
from gradus.reviews.services.opening import DRAW
from gradus.submissions.services import Refused
from gradus.submissions.services.standings import hold_learner

# A larger request would take longer than a web server waits for an answer.
BULK_MOST = 200


@dataclass
class Accepted:
    """What became of each answer, by the key of its review.

    `accepted` have the machine's marks now. `drawn` were drawn at random and wait for marks that a person gives blind.
    `refused` have the reason why they still wait.
    """

    accepted: list[int] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    refused: dict[int, Refused] = field(default_factory=dict)


def accept_machine_marks(by: User, challenge: Challenge, ids: Collection[int]) -> Accepted:
    """Accepts the machine's marks of answers to one question, each in a transaction of its own.

    Only marks are accepted whose certainty reaches what `certainty.Certainty.bulk` allows. A share of
    `settings.AUDIT_SHARE` of them, but at least one of several, is drawn at random: these are not accepted, but marked
    blind by a person, because accepted marks cannot show how often the machine is right.

    Raises:
        Refused: 404, the person does not teach the course; 422, there are more than `BULK_MOST` answers.
    """
    if not queue.challenges_of(by).filter(pk=challenge.pk).exists():
        raise Refused("not_found", _("There is no such question among those that you teach."), 404)
    if len(set(ids)) > BULK_MOST:
        raise Refused("too_many", _("Choose at most %(most)s answers at a time.") % {"most": BULK_MOST})
    done, known = Accepted(), certainty.by_judge(challenge)
    asked = Review.objects.filter(pk__in=ids, submission__challenge=challenge)
    found = {review.pk: review for review in _with_all(asked)}
    for pk in dict.fromkeys(ids):
        try:
            _refuse(found.get(pk), by, known)
        except Refused as refused:
            done.refused[pk] = refused
    left = [found[pk] for pk in dict.fromkeys(ids) if pk not in done.refused]
    drawn = set(DRAW.sample(left, _checks(len(left))))
    for review in left:
        try:
            if review in drawn:
                _ask_a_person(review, by)
                done.drawn.append(review.pk)
            else:
                _accept(review, by)
                done.accepted.append(review.pk)
        except Refused as refused:
            done.refused[review.pk] = refused
    return done


def acceptable(by: User, challenge: Challenge) -> list[Review]:
    """Returns the answers of a question that the person could accept in bulk now, in the order of the queue."""
    known, found = certainty.by_judge(challenge), []
    waiting = queue.waiting_for(by).free_for(by).filter(submission__challenge=challenge)
    for review in _with_all(waiting):
        try:
            _refuse(review, by, known)
        except Refused:
            continue
        found.append(review)
    return found


def _with_all(reviews: ReviewQuerySet) -> ReviewQuerySet:
    open_appeal = Appeal.objects.filter(submission=OuterRef("submission"), closed_at=None)
    found = reviews.select_related("submission", *GRADED).defer(*CONTENTS)
    return found.annotate(under_appeal=Exists(open_appeal))


def _refuse(review: Review | None, by: User, known: dict[str, Certainty]) -> None:
    """Raises `Refused` if the machine's marks of this answer cannot be accepted in bulk."""
    if review is None:
        raise Refused("not_found", _("There is no such answer to this question."), 404)
    refuse_own(review, by)
    if not review.is_waiting or (review.is_locked and review.locked_by_id != by.pk):
        raise locks.why_not(review, by)
    if review.blind or review.kind == Review.Kind.AUDIT:
        raise Refused("blind_first", _("This answer is marked blind, one by one."), 409)
    if getattr(review, "under_appeal", False):
        raise Refused("appealed", _("The learner appeals against this grade, so a person has to read the answer."), 409)
    if not about_all(review.reasons):
        said = _("The machine's checks found something about this answer, so a person has to read it.")
        raise Refused("has_reasons", said, 409)
    marks = machine_marks(review.evaluation)
    rubric = free_text(review.evaluation.version.parsed).rubric
    if any(marks.get(criterion.id) not in table.allowed(criterion) for criterion in rubric):
        raise Refused("cannot_tell", _("The machine has not marked every criterion of this answer."), 409)
    _refuse_doubt(review, known.get(review.judge, Certainty(0)))


def _refuse_doubt(review: Review, known: Certainty) -> None:
    if not known.known:
        said = _("What the machine's certainty is worth for this question is %(certainty)s.")
        raise Refused("certainty_unknown", said % {"certainty": known.in_words(1.0)}, 409)
    if known.bulk is None:
        said = _("In the answers that people have decided, the machine was not right often enough to accept in bulk.")
        raise Refused("too_uncertain", said, 409)
    if not known.allows_bulk(review.certainty):
        said = _("The machine is less sure of this answer than of those for which it has been right often enough.")
        raise Refused("too_uncertain", said, 409)


def _checks(count: int) -> int:
    """Returns how many of `count` answers are drawn. A single one is drawn with the probability of the share."""
    share = settings.AUDIT_SHARE
    if count < 2:
        return int(count == 1 and DRAW.random() < share)
    return max(1, round(share * count)) if share > 0 else 0


@transaction.atomic
def _accept(review: Review, by: User) -> None:
    # The learner is locked first, as for every decision. What has changed since the answers were read is looked at
    # again; the constraints of `Review` refuse the rest.
    hold_learner(review.submission.user_id)
    now = _with_all(Review.objects.filter(pk=review.pk)).select_for_update(of=("self",)).first()
    if now is not None and not now.is_waiting:
        raise locks.why_not(now, by)
    if now is None or now.blind or getattr(now, "under_appeal", False) or not about_all(now.reasons):
        raise Refused("changed", _("This answer has changed in the meantime. Look at it again."), 409)
    decide(now, by=by, marks=machine_marks(now.evaluation), reason="", in_bulk=True)


def _ask_a_person(review: Review, by: User) -> None:
    """Lets a person mark the answer blind. Its place in the queue is random then, as a place by score would tell."""
    values = {"blind": True, "place": DRAW.random(), "reasons": [*review.reasons, "bulk-check"]}
    free = Review.objects.waiting().free_for(by).filter(pk=review.pk, blind=False)
    if not free.update(**values, **locks.FREE):
        raise locks.why_not(review, by)
