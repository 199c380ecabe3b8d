"""Measures how often the judge and the code checks agree with people: in blind audits, and in all decisions.

Only blind audits are a fair sample of the final grades. The other decisions are about grades that were in doubt or
appealed, so their error is larger. It shows where to look, not how good the judge is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from challenges import marks as table
from challenges.kinds.rubric import free_text
from gradus.accounts.models import User
from gradus.courses.models import ChallengeVersion
from gradus.reviews import machine_writing as signs
from gradus.reviews import queue
from gradus.reviews.models import Review

# How many of the newest decisions are measured. They say most about today's judge, and a course makes fewer in years.
LOOKED_AT = 5000
Z = 1.96
# The versions by which an answer was graded, and their large fields, which are parsed once in a process.
GRADED = ("evaluation__submission__version", "evaluation__graded_version")
CONTENTS = [name for path in GRADED for name in ChallengeVersion.content(path)]


@dataclass(frozen=True)
class Pair:
    """The machine's and a person's marks of one answer. Scores are in [0, 1]."""

    review: Review
    machine: dict[str, str]
    person: dict[str, str]
    machine_score: float
    person_score: float
    same_verdict: bool

    @property
    def error(self) -> float:
        """The machine's score minus the person's. It is negative if the machine is more severe."""
        return self.machine_score - self.person_score


@dataclass(frozen=True)
class Agreement:
    """How well the machine agrees with people on a group of answers.

    `low` and `high` are the 95 % confidence interval of the share of equal verdicts (Wilson 1927). `bias` is the mean
    difference between the machine's score and the person's, and `mae` the mean absolute difference.
    """

    name: str
    answers: int
    same_verdict: float
    low: float
    high: float
    same_marks: float
    bias: float
    mae: float


def audits(user: User) -> list[Pair]:
    """Returns the final grades that were drawn at random and marked without seeing the machine's marks."""
    reviews = _decided(user).filter(kind=Review.Kind.AUDIT, blind_at__isnull=False).order_by("-blind_at")
    return decided_pairs(reviews)


def decisions(user: User) -> list[Pair]:
    """Returns everything that a person has decided, including audits, without what was accepted in bulk."""
    return decided_pairs(_decided(user).filter(decided_at__isnull=False, in_bulk=False).order_by("-decided_at"))


def _decided(user: User) -> QuerySet[Review]:
    # One that follows another has the same text and marks: it is not one more measurement.
    return Review.objects.filter(submission__challenge__lesson__course__in=queue.taught_by(user), follows=None)


def decided_pairs(reviews: QuerySet[Review], most: int = LOOKED_AT) -> list[Pair]:
    """Returns the first `most` of these reviews as pairs, by the blind marks where there are any."""
    found = reviews.select_related("submission__challenge", *GRADED).defer(*CONTENTS)
    return [pair for review in found[:most] if (pair := _pair(review, review.blind_marks or review.marks))]


def _pair(review: Review, person: dict[str, str]) -> Pair | None:
    """Returns the marks of a review, or None if the machine gave none, or the rubric has other criteria now."""
    given = (review.evaluation.result or {}).get("marks", [])
    machine = {mark["id"]: mark["mark"] for mark in given}
    spec = review.evaluation.version.parsed
    theirs = review.predicted
    if theirs is None or machine.keys() != person.keys():
        return None
    own = table.score(free_text(spec).rubric, person)
    return Pair(review, machine, person, theirs, own, (theirs >= spec.pass_) == (own >= spec.pass_))


def agreement_of(name: str, pairs: list[Pair]) -> Agreement:
    """Returns the agreement on a group of answers, which must not be empty."""
    marks = [pair.machine[id] == mark for pair in pairs for id, mark in pair.person.items()]
    agree = sum(pair.same_verdict for pair in pairs)
    low, high = wilson(agree, len(pairs))
    return Agreement(
        name=name,
        answers=len(pairs),
        same_verdict=agree / len(pairs),
        low=low,
        high=high,
        same_marks=sum(marks) / len(marks),
        bias=sum(pair.error for pair in pairs) / len(pairs),
        mae=sum(abs(pair.error) for pair in pairs) / len(pairs),
    )


def wilson(hits: int, count: int) -> tuple[float, float]:
    """Returns the 95 % score interval of Wilson (1927) for `hits` of `count` > 0."""
    share, spread = hits / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def agreements_by(key: Callable[[Pair], str], pairs: Iterable[Pair]) -> list[Agreement]:
    """Returns the agreement on each group of answers, the largest group first."""
    groups: dict[str, list[Pair]] = {}
    for pair in pairs:
        groups.setdefault(key(pair), []).append(pair)
    return sorted(
        (agreement_of(name, group) for name, group in groups.items()), key=lambda one: (-one.answers, one.name)
    )


def by_question(pair: Pair) -> str:
    """Names the group by question and judge, because another model is another grader."""
    return f"{pair.review.submission.challenge.slug}, {pair.review.judge or _('without a judge')}"


def by_language(pair: Pair) -> str:
    return pair.review.language or _("unknown")


def by_signs(pair: Pair) -> str:
    has_signs = signs.signs(pair.review.submission.payload.get("answer", ""))
    return _("with signs of machine writing") if has_signs else _("without such signs")


@dataclass(frozen=True)
class Report:
    """The figures of the page on accuracy. `total` is None if no grade has been audited yet."""

    total: Agreement | None
    questions: list[Agreement]
    audited_languages: list[Agreement]
    decided_languages: list[Agreement]
    decided_signs: list[Agreement]


def report(user: User) -> Report:
    """Returns the figures for the courses that a person teaches."""
    fair, every = audits(user), decisions(user)
    return Report(
        total=agreement_of(_("all audits"), fair) if fair else None,
        questions=agreements_by(by_question, fair),
        audited_languages=agreements_by(by_language, fair),
        decided_languages=agreements_by(by_language, every),
        decided_signs=agreements_by(by_signs, every),
    )
