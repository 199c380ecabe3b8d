"""The service that accepts the machine's marks of several answers to a question, if its certainty has earned that.

Some answers are kept back and marked blind by a person, because accepted marks cannot show how often the machine is
right. Which ones is drawn before anything is shown, and by a keyed hash: a reload draws the same.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.crypto import salted_hmac
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
from gradus.submissions.results.standings import hold_learner
from gradus.submissions.services import Refused

# A larger request would take longer than a web server waits for an answer.
BULK_MOST = 200


@dataclass
class Accepted:
    """What became of each answer, by the key of its review.

    `accepted` have the machine's marks now. `drawn` were kept back, whether they were asked for or not, and wait for
    marks that a person gives blind. `refused` have the reason why they still wait.
    """

    accepted: list[int] = field(default_factory=list)
    drawn: list[int] = field(default_factory=list)
    refused: dict[int, Refused] = field(default_factory=dict)


@dataclass(frozen=True)
class Acceptable:
    """Answers that could be accepted in bulk, in the order of the queue. `kept_back` are marked blind instead."""

    offered: list[Review] = field(default_factory=list)
    kept_back: list[Review] = field(default_factory=list)


def accept_machine_marks(by: User, challenge: Challenge, ids: Collection[int]) -> Accepted:
    """Accepts the machine's marks of answers to one question, each in a transaction of its own.

    Only marks are accepted whose certainty reaches what `certainty.Certainty.bulk` allows, and none of those that
    `acceptable` keeps back: from the first acceptance on, they wait to be marked blind.

    Raises:
        Refused: 404, the person does not teach the course; 403, the person may not decide there; 422, there are more
            than `BULK_MOST` answers.
    """
    if not queue.challenges_of(by).filter(pk=challenge.pk).exists():
        raise Refused("not_found", _("There is no such question among those that you teach."), 404)
    queue.refuse_unless_decides(by, challenge)
    if len(set(ids)) > BULK_MOST:
        raise Refused("too_many", _("Choose at most %(most)s answers at a time.") % {"most": BULK_MOST})
    done, known, now = Accepted(), certainty.by_judge(challenge), acceptable(by, challenge)
    offered = {review.pk: review for review in now.offered}
    kept_back = {review.pk: review for review in now.kept_back}
    asked = Review.objects.filter(pk__in=ids, submission__challenge=challenge)
    found = {review.pk: review for review in _with_all(asked)}
    chosen = [offered[pk] for pk in dict.fromkeys(ids) if pk in offered]
    for pk in dict.fromkeys(ids):
        if pk not in offered and pk not in kept_back:
            done.refused[pk] = _refusal(found.get(pk), by, known) or _changed()
    if chosen or kept_back.keys() & {*ids}:
        _each(now.kept_back, by, _ask_a_person, done.drawn, done.refused)
    _each(chosen, by, _accept, done.accepted, done.refused)
    return done


def _each(
    reviews: Iterable[Review],
    by: User,
    work: Callable[[Review, User], None],
    done: list[int],
    refused: dict[int, Refused],
) -> None:
    for review in reviews:
        try:
            work(review, by)
            done.append(review.pk)
        except Refused as refusal:
            refused[review.pk] = refusal


def acceptable(by: User, challenge: Challenge) -> Acceptable:
    """Returns the answers of a question that the person could accept in bulk now, without and with what is kept back.

    A share of `settings.AUDIT_SHARE` is kept back, but at least one.
    """
    known = certainty.by_judge(challenge)
    waiting = queue.waiting_for(by).free_for(by).filter(submission__challenge=challenge)
    found = [review for review in _with_all(waiting) if _refusal(review, by, known) is None]
    drawn = [review for review in found if _lot(review) < settings.AUDIT_SHARE]
    if found and not drawn and settings.AUDIT_SHARE > 0:
        drawn = [min(found, key=_lot)]
    return Acceptable([review for review in found if review not in drawn], drawn)


def _lot(review: Review) -> float:
    """Returns a number in [0, 1) that stays the same for a review, and that nobody without the site's key can tell."""
    hashed = salted_hmac("gradus.reviews.bulk", str(review.pk), algorithm="sha256").digest()
    return int.from_bytes(hashed[:6]) / 2**48


def _with_all(reviews: ReviewQuerySet) -> ReviewQuerySet:
    open_appeal = Appeal.objects.filter(submission=OuterRef("submission"), closed_at=None)
    found = reviews.select_related("submission", *GRADED).defer(*CONTENTS)
    return found.annotate(under_appeal=Exists(open_appeal))


def _refusal(review: Review | None, by: User, known: dict[str, Certainty]) -> Refused | None:
    """Returns why the machine's marks of this answer cannot be accepted in bulk, or None if they can."""
    try:
        _refuse(review, by, known)
    except Refused as refused:
        return refused
    return None


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


def _changed() -> Refused:
    return Refused("changed", _("This answer has changed in the meantime. Look at it again."), 409)


@transaction.atomic
def _accept(review: Review, by: User) -> None:
    # The learner is locked first, as for every decision. What has changed since the answers were read is looked at
    # again; the constraints of `Review` refuse the rest.
    hold_learner(review.submission.user_id)
    now = _with_all(Review.objects.filter(pk=review.pk)).select_for_update(of=("self",)).first()
    if now is not None and not now.is_waiting:
        raise locks.why_not(now, by)
    if now is None or now.blind or getattr(now, "under_appeal", False) or not about_all(now.reasons):
        raise _changed()
    decide(now, by=by, marks=machine_marks(now.evaluation), reason="", in_bulk=True)


@transaction.atomic
def _ask_a_person(review: Review, by: User) -> None:
    """Lets a person mark the answer blind. Its place in the queue is random then, as a place by score would tell."""
    hold_learner(review.submission.user_id)
    free = Review.objects.waiting().free_for(by).filter(pk=review.pk, blind=False).select_for_update()
    now = free.first()
    if now is None:
        raise locks.why_not(review, by)
    # What follows it has the same text, so its marks would tell as well.
    for one in [now, *Review.objects.undecided().filter(follows=now).select_for_update()]:
        values = {"blind": True, "place": DRAW.random(), "reasons": [*one.reasons, "bulk-check"]}
        Review.objects.filter(pk=one.pk).update(**values, **locks.FREE)
