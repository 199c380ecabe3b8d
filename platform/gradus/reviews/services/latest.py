"""Services that let only the latest of a learner's attempts at a question wait for a person.

An earlier attempt with the same text no longer waits itself: it follows the decision about the latest one. One with
another text is withdrawn as soon as the later attempt waits. Until then it keeps its place, because the new attempt may
fail or get a final grade at once. The learner agrees to that when submitting. A course may let all attempts wait.

If the text is the same but the rubric has changed in between, both attempts wait: each is marked by its own rubric.

Final grades, audits and attempts under appeal are left alone, and so are attempts whose grade is withheld from the
learner: that one was withdrawn would tell that it waited. Whatever happens here, and every decision, locks the
learner first. So if an attempt is decided and withdrawn at the same moment, only one of the two happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from challenges.kinds import registry as kinds
from challenges.kinds.rubric import free_text
from gradus.accounts.models import User
from gradus.classes import membership
from gradus.classes.models import Class
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.reviews.models import Appeal, JudgeCall, Review
from gradus.reviews.services.locks import FREE
from gradus.submissions import services
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Limit, Use
from gradus.submissions.models import Evaluation, Submission
from gradus.submissions.services import Refused
from gradus.submissions.states import OPEN, State

UNDER_APPEAL = Exists(Appeal.objects.filter(submission=OuterRef("submission"), closed_at=None))


@dataclass(frozen=True)
class Earlier:
    """An attempt in whose place a later one would wait.

    `since` is when it began to wait for a person, or None while it is still being graded. `is_given_back` is False if
    no more attempts can be given back today.
    """

    submission: Submission
    since: datetime | None
    is_given_back: bool


def earlier_attempts(user: User | None, challenge: Challenge) -> list[Earlier]:
    """Returns the attempts that the learner's next one may withdraw, the latest first.

    They wait for a person, or are still being graded and may come to wait. They count for the same class as the next
    one; a learner in several classes has not chosen yet, so those of each of them are returned.
    """
    if user is None or challenge.version is None or not _applies_to(challenge):
        return []
    classes = [one.of_class_id for one in membership.learns_in(user, challenge.course_id)]
    return _earlier(user, challenge, Q(of_class__in=classes) if classes else Q(of_class=None))


def _earlier(user: User, challenge: Challenge, counts: Q, text_digest: str = "") -> list[Earlier]:
    """Returns the attempts that meet `counts`, without those whose text has this digest: they are not withdrawn."""
    unsettled = Evaluation.objects.filter(
        submission__in=Submission.objects.of(user).released().filter(counts, challenge=challenge),
        is_current=True,
        state__in=[*OPEN, State.REVIEW],
    )
    found = (
        unsettled.exclude(UNDER_APPEAL)
        .order_by("-submission_id")
        .select_related("submission__version", "graded_version", "review")
    )
    left: dict[Limit, int] = {}
    # They are withdrawn in this order, and each that is given back leaves one less for the others.
    return [_described(one, challenge, left) for one in found if not _has_text(one, text_digest)]


def _applies_to(challenge: Challenge) -> bool:
    return kinds.find(challenge.kind).is_judged and not challenge.course.all_attempts_wait


def _has_text(evaluation: Evaluation, text_digest: str) -> bool:
    assert evaluation.submission is not None
    return bool(text_digest) and evaluation.submission.text_digest == text_digest


def _is_same_question(one: ChallengeVersion, other: ChallengeVersion) -> bool:
    """Returns True if a person's marks of an answer hold for both versions, whatever their pass marks are."""
    asked, again = free_text(one.parsed), free_text(other.parsed)
    return (asked.question, asked.rubric) == (again.question, again.rubric)


def _described(evaluation: Evaluation, challenge: Challenge, left: dict[Limit, int]) -> Earlier:
    submission, review = evaluation.submission, getattr(evaluation, "review", None)
    assert submission is not None
    limit = limits.CANCELLED_RUNNING if _asked_judge(submission) else limits.CANCELLED_WAITING
    if limit not in left:
        left[limit] = slots.left(limit, Use(user=submission.user, challenge=challenge))
    left[limit] -= 1
    return Earlier(submission, review.opened_at if review else None, left[limit] >= 0)


def _asked_judge(submission: Submission) -> bool:
    return JudgeCall.objects.filter(evaluation__submission=submission).exists()


def refuse_unagreed(user: User, challenge: Challenge, of_class: Class | None, text_digest: str) -> None:
    """Raises `Refused` (409) if an attempt with this text for this class would withdraw others. Call it where the
    learner has not agreed to that.
    """
    if challenge.version is None or not _applies_to(challenge):
        return
    found = _earlier(user, challenge, Q(of_class=of_class), text_digest)
    if not found:
        return
    when = date_format(timezone.localtime(found[0].submission.created_at), "DATETIME_FORMAT")
    said = _(
        "Your attempt of %(time)s has no final grade yet. It is withdrawn if you hand in another answer and that one "
        "has to wait for a person."
    ) % {"time": when}
    beside = _("Tick this box if you agree, or wait for the grade of the earlier attempt.")
    problem = {"code": "earlier_waits", "field": "withdraw_earlier", "message": beside, "line": None}
    agree = _(
        "To agree, send the request again with ?withdraw_earlier=true in its address, or run `gradus submit` of this "
        "version, which asks. Or wait for the grade of the earlier attempt."
    )
    raise Refused("earlier_waits", f"{said} {agree}", 409, problems=[problem])


def settle(submission: Submission) -> None:
    """Lets only the latest attempt wait, after a submission of the same learner has come to wait.

    Attempts whose learner has not agreed stay, such as those from before there was this rule.
    """
    if submission.grade_withheld or not _applies_to(submission.challenge):
        return
    heads: list[Review] = []
    is_agreed = False
    for review in _waiting(submission):
        same = [head for head in heads if _has_text(review.evaluation, head.submission.text_digest)]
        again = next(
            (one for one in same if _is_same_question(review.evaluation.version, one.evaluation.version)), None
        )
        if again is not None:
            Review.objects.undecided().filter(pk=review.pk).update(follows=again, **FREE)
        elif is_agreed and not same:
            _withdraw(review)
        else:
            heads.append(review)
        is_agreed = is_agreed or review.submission.withdraws_earlier


def _waiting(submission: Submission) -> list[Review]:
    """Returns the learner's reviews of this question in the same class, the latest attempt first."""
    own = Submission.objects.of(submission.user_id).released().filter(of_class=submission.of_class_id)
    reviews = Review.objects.undecided().filter(
        kind=Review.Kind.REVIEW,
        submission__in=own.filter(challenge=submission.challenge_id),
        evaluation__is_current=True,
        evaluation__state=State.REVIEW,
    )
    related = ("submission", "evaluation__submission__version", "evaluation__graded_version")
    return list(reviews.exclude(UNDER_APPEAL).order_by("-submission_id").select_related(*related))


def _withdraw(review: Review) -> None:
    """Closes a review without a decision and withdraws its attempt, unless it has just been decided."""
    closed = Review.objects.undecided().filter(pk=review.pk).update(withdrawn_at=timezone.now(), **FREE)
    if closed:
        services.withdraw_attempt(review.submission, asked_judge=_asked_judge(review.submission))


def follows_later(submission: Submission) -> bool:
    """Returns True if the attempt gets the grade of a later one with the same text, once that is decided."""
    return Review.objects.undecided().filter(submission=submission, follows__isnull=False).exists()


def followers_of(review: Review) -> list[Review]:
    """Returns the reviews that follow the decision about this one, the earliest attempt first."""
    related = ("submission__challenge", "evaluation__submission__version", "evaluation__graded_version")
    return list(Review.objects.undecided().filter(follows=review).order_by("submission_id").select_related(*related))


def head_of(review: Review) -> Review:
    """Returns the review that is decided in place of this one: itself, or the one of the latest attempt that it
    follows. It is read anew, because it may have changed since it was shown.

    Raises:
        Refused: 409, the later attempt is under appeal, so that its appeal has to be read with it.
    """
    related = ("submission__user", "evaluation__submission__version", "evaluation__graded_version", "follows")
    now = Review.objects.select_related(*related).filter(pk=review.pk).first()
    if now is None or now.follows is None or now.decided_at is not None or now.withdrawn_at is not None:
        return now or review
    if now.follows.submission.appeals.filter(closed_at=None).exists():
        said = _("The learner has handed in this text again and appeals against that grade. Decide the later attempt.")
        raise Refused("follows", said, 409)
    return now.follows


def reason_of_follower(review: Review) -> str:
    """Returns the reason that staff read at a review which follows the decision about `review`."""
    before = Submission.objects.filter(user=review.submission.user_id, challenge=review.submission.challenge_id)
    number = before.filter(pk__lte=review.submission_id).count()
    return _("Follows attempt %(number)d, which has the same text.") % {"number": number}


def on_submitting(
    sender: object,
    user: User,
    challenge: Challenge,
    of_class: Class | None,
    text_digest: str,
    withdraw_earlier: bool,
    **extra: Any,
) -> None:
    """Refuses an attempt that would withdraw others without the learner's agreement."""
    if not withdraw_earlier:
        refuse_unagreed(user, challenge, of_class, text_digest)
