"""Queries of the review desk: the questions with waiting answers, how far they are, and the answers on a page."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from challenges.kinds import registry as kinds
from gradus.accounts.models import User
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.reviews import queue
from gradus.reviews.models import Review, ReviewQuerySet, Snippet

# How many answers stand on the page of a question at a time.
SHOWN = 10
# What was decided in this time counts as done: an evening of marking, or a day of it.
LATELY = timedelta(hours=12)
# The time of a decision is the median over this many newest ones, and is told only if at least FEWEST are known.
RECENT, FEWEST = 200, 5
# Decisions closer than this were made by one press, and a longer gap was a pause.
AT_ONCE, PAUSE = timedelta(seconds=1), timedelta(minutes=10)


@dataclass(frozen=True)
class Progress:
    """How far the answers to one question are. `minutes` is None while the time of a decision is not known."""

    done: int
    waiting: int
    minutes: int | None

    @property
    def total(self) -> int:
        return self.done + self.waiting


@dataclass(frozen=True)
class Question:
    """A question with answers that wait for this reviewer.

    `appeals` of them are appeals, `repeated` have the text of another one, and `held` are with other reviewers.
    """

    challenge: Challenge
    progress: Progress
    appeals: int
    repeated: int
    held: int


def questions(user: User) -> list[Question]:
    """Returns the questions whose answers wait for a reviewer, in the order of their courses."""
    waiting = queue.waiting_for(user).order_by().values("submission__challenge")
    others = Q(locked_by__isnull=False, locked_until__gt=timezone.now()) & ~Q(locked_by=user)
    counted = waiting.annotate(
        waiting=Count("pk"), appeals=Count("pk", filter=Q(appealed=True)), held=Count("pk", filter=others)
    )
    counts = {row["submission__challenge"]: row for row in counted}
    texts = waiting.exclude(submission__text_digest="").annotate(
        repeated=Count("pk") - Count("submission__text_digest", distinct=True)
    )
    repeated = {row["submission__challenge"]: row["repeated"] for row in texts}
    found = Challenge.objects.filter(pk__in=counts).select_related("version", "lesson__course")
    return [
        Question(
            challenge=one,
            progress=progress(user, one, counts[one.pk]["waiting"]),
            appeals=counts[one.pk]["appeals"],
            repeated=repeated.get(one.pk, 0),
            held=counts[one.pk]["held"],
        )
        for one in found.order_by("lesson__course", "lesson__position", "position")
    ]


def challenge_for(user: User, slug: str) -> Challenge | None:
    """Returns a question that people grade, in a course whose answers this person may review."""
    challenges = Challenge.objects.filter(lesson__course__in=queue.taught_by(user), version__isnull=False)
    found = challenges.select_related("version", "lesson__course").filter(slug=slug).first()
    return found if found is not None and kinds.find(found.kind).is_judged else None


def waiting_on(user: User, challenge: Challenge) -> ReviewQuerySet:
    """Returns the answers to one question that wait, in the order of the queue, with the version that grades each."""
    waiting = queue.waiting_for(user).filter(submission__challenge=challenge)
    loaded = waiting.select_related("evaluation__graded_version", "evaluation__submission__version")
    return loaded.annotate(rubric=Coalesce("evaluation__graded_version", "submission__version"))


def answers(user: User, challenge: Challenge, rubric: int | None = None, shown: Collection[int] = ()) -> list[Review]:
    """Returns the answers for a page: the first that wait and that nobody else holds, all graded by one version.

    Of equal texts only the first is among them, because its marks can be applied to the others.

    Args:
        rubric: The version's primary key; without it, the version of the first answer that waits.
        shown: Primary keys of reviews that are on the page already.
    """
    # `Any`, because the type of a row does not know the annotations.
    waiting: QuerySet[Any] = waiting_on(user, challenge).free_for(user)
    if rubric is None:
        rubric = waiting.values_list("rubric", flat=True).first()
    listed = waiting.filter(rubric=rubric).values_list(
        "pk", "submission__text_digest", "appealed", "kind", "blind", "blind_at"
    )
    on_page = Review.objects.filter(pk__in=shown).values_list("submission__text_digest", "blind", "blind_at")
    ids, texts = [], {(text, blind and blind_at is None) for text, blind, blind_at in on_page}
    for pk, text, appealed, kind, blind, blind_at in listed:
        is_alone = appealed or kind == Review.Kind.AUDIT or not text
        key = (text, blind and blind_at is None)
        if pk not in shown and (is_alone or key not in texts):
            ids.append(pk)
            texts |= set() if is_alone else {key}
    return list(waiting.filter(pk__in=ids[: max(0, SHOWN - len(shown))]))


def equal_to(user: User, review: Review) -> list[Review]:
    """Returns the other answers to the question that wait with the same text, and that the same marks can decide.

    Appeals and audits are left out, because a person has to read each of them. Marks that are given with the machine's
    in view do not decide what is marked blind.
    """
    text = review.submission.text_digest
    if not text or review.kind == Review.Kind.AUDIT:
        return []
    waiting: QuerySet[Any] = waiting_on(user, review.submission.challenge).free_for(user)
    equal = waiting.filter(submission__text_digest=text, rubric=review.evaluation.version_id)
    equal = equal.filter(kind=Review.Kind.REVIEW, appealed=False).exclude(pk=review.pk)
    return [one for one in equal if review.blind_marks is not None or one.is_blind == review.is_blind]


def of_other_versions(user: User, challenge: Challenge, version: ChallengeVersion) -> int:
    """Returns how many answers to other versions of the question wait."""
    waiting: QuerySet[Any] = waiting_on(user, challenge).free_for(user)
    return waiting.exclude(rubric=version.pk).count()


def with_others(user: User, challenge: Challenge) -> int:
    """Returns how many answers to the question other reviewers hold."""
    waiting = waiting_on(user, challenge)
    return waiting.count() - waiting.free_for(user).count()


def following(user: User, challenge: Challenge) -> tuple[Challenge, int] | None:
    """Returns the question to mark after this one, and how many of its answers wait that nobody else holds.

    It is the next one in the order of the courses, or the first one after the last; None if no other waits.
    """
    waiting = queue.waiting_for(user).free_for(user).exclude(submission__challenge=challenge).order_by()
    rows = waiting.values("submission__challenge").annotate(waiting=Count("pk"))
    counts = {row["submission__challenge"]: row["waiting"] for row in rows}
    found = Challenge.objects.filter(Q(pk__in=counts) | Q(pk=challenge.pk))
    ordered = list(found.order_by("lesson__course", "lesson__position", "position"))
    at = ordered.index(challenge)
    return next(((one, counts[one.pk]) for one in [*ordered[at + 1 :], *ordered[:at]]), None)


def snippets(user: User, challenge: Challenge) -> QuerySet[Snippet]:
    """Returns a reviewer's snippets for the course of a question, and those for all courses."""
    return Snippet.objects.filter(Q(course=None) | Q(course=challenge.course_id), user=user)


def progress(user: User, challenge: Challenge, waiting: int | None = None) -> Progress:
    """Returns how far the question is for this reviewer, and about how long the rest takes.

    The time of a decision is this reviewer's own median, or else the median of all reviewers.
    """
    if waiting is None:
        waiting = waiting_on(user, challenge).count()
    decided = Review.objects.filter(submission__challenge=challenge, decided_at__isnull=False)
    done = decided.filter(decided_at__gte=timezone.now() - LATELY).count()
    each = seconds_each(decided.filter(decided_by=user)) or seconds_each(decided)
    return Progress(done, waiting, None if each is None else math.ceil(waiting * each / 60))


def seconds_each(decided: QuerySet[Review]) -> float | None:
    """Returns the median time in seconds between two decisions of one person, or None if too few are known."""
    newest = decided.order_by("-decided_at").values_list("decided_by", "decided_at")[:RECENT]
    times: dict[int | None, list[datetime]] = defaultdict(list)
    for by, at in newest:
        if at is not None:
            times[by].append(at)
    gaps = [gap for one in times.values() for gap in _gaps(one)]
    return median(gap.total_seconds() for gap in gaps) if len(gaps) >= FEWEST else None


def _gaps(newest_first: Iterable[datetime]) -> list[timedelta]:
    gaps = (later - earlier for later, earlier in pairwise(newest_first))
    return [gap for gap in gaps if AT_ONCE <= gap <= PAUSE]
