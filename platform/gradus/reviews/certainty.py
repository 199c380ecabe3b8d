"""What the machine's certainty has been worth for a question, by what people decided about its answers.

A judge and the built-in verifier state how sure they are, and overstate it on questions that they were not fitted on.
So their number is never shown. Once people have decided `KNOWN_FROM` answers to a question, it is replaced by the share
of those in which the machine was right when it was about as sure. Before that it is "not known yet".

Right means that the machine's score lies within `RIGHT_WITHIN` of the person's and gives the same verdict. The share
never falls as the certainty rises: it is an isotonic regression, computed by pooling adjacent violators (Ayer et al.
1955) over groups of at least `GROUP` answers, so that no share rests on a handful.

**Which answers count.** Only those that waited for a person, because the figure is used for answers that wait. Audits
are drawn from final grades, about which the machine is nearly always right; they would make it look better on answers
in doubt than it is, and `accuracy` has them. Appeals are left out, because learners choose them, and so are answers
that were accepted in bulk, because no person compared them with the rubric. Equal texts count once. Answers that were
graded under another rubric, model answer or pass mark do not count, and of the others only the newest `NEWEST`, so
that a changed prompt or a new release shows in the figure. Each model is counted by itself; "" is the built-in
verifier.

**What it cannot tell.** The queue begins with the lowest scores, so the first decisions are mostly about weak answers.
Whoever sees the machine's marks while deciding tends to agree with them; marks that were given blind have no such
leaning and are used where there are any. Part of each bulk acceptance is marked blind, which corrects both over time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import cast

from django.core.cache import cache
from django.utils.translation import gettext as _

from challenges.kinds.rubric import free_text
from challenges.spec import Challenge as Spec
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import queue
from gradus.reviews.accuracy import Pair, decided_pairs, wilson
from gradus.reviews.models import Appeal, Review
from gradus.reviews.review_reasons import about_all

# For how many seconds a figure beside an answer may be older than the last decision.
LATELY = 60
KNOWN_FROM = 40
NEWEST = 200
# How many of the newest decisions are read to find them.
READ = 1000
RIGHT_WITHIN = 0.10
GROUP = 10
# From which certainty marks may be accepted in bulk: at least so many decided answers reach it, the share of them in
# which the machine was right has at least this lower end of its 95 % interval, and the machine was right in at least
# this share of the least certain group among them.
BULK_ANSWERS = 20
BULK_LOW = 0.85
BULK_SHARE = 0.90


@dataclass(frozen=True)
class Share:
    """In how many of these answers the machine was right. `stated` in [0, 1] is the lowest certainty among them."""

    stated: float
    answers: int
    right: int

    @property
    def share(self) -> float:
        return self.right / self.answers

    @property
    def low(self) -> float:
        """The lower end of the share's 95 % interval (Wilson 1927)."""
        return wilson(self.right, self.answers)[0]

    def __add__(self, other: Share) -> Share:
        return Share(min(self.stated, other.stated), self.answers + other.answers, self.right + other.right)


@dataclass(frozen=True)
class Certainty:
    """What certainty means for a question and a judge.

    `decided` is the number of answers that count. `steps` are groups of them by rising certainty, with rising shares;
    there are none before `KNOWN_FROM` answers.
    """

    decided: int
    steps: tuple[Share, ...] = ()

    @property
    def known(self) -> bool:
        return bool(self.steps)

    def around(self, stated: float | None) -> Share | None:
        """Returns the group of decided answers about which the machine was about as sure, or None if not known."""
        if stated is None or not self.steps:
            return None
        return next((step for step in reversed(self.steps) if step.stated <= stated), self.steps[0])

    @property
    def bulk(self) -> Share | None:
        """The decided answers from the lowest certainty on that allows bulk acceptance, or None if none does."""
        for number, step in enumerate(self.steps):
            above = sum(self.steps[number + 1 :], start=step)
            if step.share >= BULK_SHARE and above.answers >= BULK_ANSWERS and above.low >= BULK_LOW:
                return above
        return None

    def allows_bulk(self, stated: float | None) -> bool:
        """Returns True if marks of this stated certainty may be accepted in bulk."""
        return stated is not None and self.bulk is not None and stated >= self.bulk.stated

    def in_words(self, stated: float | None) -> str:
        """Returns what a person reads in place of the machine's certainty."""
        if stated is None:
            return _("not known: it was not recorded for this answer")
        found = self.around(stated)
        if found is None:
            values = {"decided": self.decided, "needed": KNOWN_FROM}
            return _("not known yet (%(decided)s of %(needed)s answers decided)") % values
        values = {"share": round(100 * found.share), "right": found.right, "answers": found.answers}
        return _("%(share)s %% (right in %(right)s of %(answers)s answers about which it was about as sure)") % values


def of(challenge: Challenge, judge: str) -> Certainty:
    """Returns what the certainty of a judge means for a question; `judge` is "" for the built-in verifier."""
    return by_judge(challenge).get(judge, Certainty(0))


def lately(challenge: Challenge) -> dict[str, Certainty]:
    """Returns what `by_judge` returned within the last minute, for pages that show it beside each answer."""
    found = cache.get_or_set(f"certainty-{challenge.pk}", lambda: by_judge(challenge), LATELY)
    return cast("dict[str, Certainty]", found)


def by_judge(challenge: Challenge) -> dict[str, Certainty]:
    """Returns what certainty means for a question, by the judge's model."""
    counted = Review.objects.filter(
        submission__challenge=challenge,
        kind=Review.Kind.REVIEW,
        decided_at__isnull=False,
        in_bulk=False,
        certainty__isnull=False,
        evaluation__appeal__isnull=True,
    )
    found: dict[str, list[Pair]] = defaultdict(list)
    newest = decided_pairs(counted.order_by("-decided_at"), most=READ)
    for pair in _one_of_each_text(newest):
        if _is_same_question(pair.review.evaluation.version.parsed, challenge.spec):
            found[pair.review.judge].append(pair)
    return {judge: measured(map(_result, pairs[:NEWEST])) for judge, pairs in found.items()}


@dataclass(frozen=True)
class Line:
    """A question and a judge, with what certainty means there.

    `waiting` answers wait for the person who asks, and `reached` of them may be accepted in bulk, but for those that
    are drawn to be marked blind.
    """

    challenge: Challenge
    judge: str
    certainty: Certainty
    waiting: int
    reached: int

    @property
    def in_words(self) -> str:
        """Says whether certainty is known, or how many decided answers are missing."""
        return _("known") if self.certainty.known else self.certainty.in_words(1.0)


def overview(user: User) -> list[Line]:
    """Returns what certainty means for each question with reviews in the courses that a person teaches."""
    asked = queue.challenges_of(user).filter(pk__in=Review.objects.values("submission__challenge"))
    return [line for challenge in asked for line in _lines(user, challenge)]


def _lines(user: User, challenge: Challenge) -> Iterable[Line]:
    found = by_judge(challenge)
    waiting = queue.waiting_for(user).filter(submission__challenge=challenge)
    for judge in sorted({*found, *waiting.order_by().values_list("judge", flat=True)}):
        known, mine = found.get(judge, Certainty(0)), waiting.filter(judge=judge)
        plain = mine.filter(kind=Review.Kind.REVIEW, blind=False)
        plain = plain.exclude(submission__appeals__in=Appeal.objects.filter(closed_at=None))
        sure = (
            []
            if known.bulk is None
            else plain.filter(certainty__gte=known.bulk.stated).values_list("reasons", flat=True)
        )
        yield Line(challenge, judge, known, mine.count(), sum(map(about_all, sure)))


def _one_of_each_text(pairs: Iterable[Pair]) -> Iterable[Pair]:
    seen: set[tuple[str, str]] = set()
    for pair in pairs:
        key = (pair.review.judge, pair.review.submission.text_digest or str(pair.review.pk))
        if key not in seen:
            seen.add(key)
            yield pair


def _is_same_question(one: Spec, other: Spec) -> bool:
    before, now = free_text(one), free_text(other)
    return (before.question, before.model_answer, before.rubric, before.own_run, one.pass_) == (
        now.question,
        now.model_answer,
        now.rubric,
        now.own_run,
        other.pass_,
    )


def _result(pair: Pair) -> tuple[float, bool]:
    assert pair.review.certainty is not None
    # A score is a sum of floats.
    return pair.review.certainty, pair.same_verdict and abs(pair.error) <= RIGHT_WITHIN + 1e-9


def measured(results: Iterable[tuple[float, bool]]) -> Certainty:
    """Returns what certainty means, by answers with the stated certainty and whether the machine was right."""
    ordered = sorted(results)
    if len(ordered) < KNOWN_FROM:
        return Certainty(len(ordered))
    return Certainty(len(ordered), tuple(_rising(_groups(ordered))))


def _groups(ordered: Sequence[tuple[float, bool]]) -> list[Share]:
    """Cuts the answers into groups of at least `GROUP`. Answers of the same certainty stay together."""
    groups: list[Share] = []
    for stated, same in groupby(ordered, key=lambda result: result[0]):
        right = [is_right for _stated, is_right in same]
        one = Share(stated, len(right), sum(right))
        if groups and groups[-1].answers < GROUP:
            groups[-1] += one
        else:
            groups.append(one)
    if len(groups) > 1 and groups[-1].answers < GROUP:
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def _rising(groups: Iterable[Share]) -> list[Share]:
    """Pools neighbours until the shares rise."""
    steps: list[Share] = []
    for group in groups:
        steps.append(group)
        while len(steps) > 1 and steps[-2].share >= steps[-1].share:
            steps[-2:] = [steps[-2] + steps[-1]]
    return steps
