"""The dots that learners have added to a finding, and what they show together, apart from the author's record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from challenges.findings.spec import Claim, Experiment, Finding
from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.laboratory import arms
from gradus.laboratory.models import Contribution
from gradus.learn.findings.confidence import interval

# How many sets of one learner a lesson's page lists: ten a day of each of five findings.
LISTED = 50


@dataclass(frozen=True)
class Dot:
    """One set of a learner, without the learner; only its own learner is told that `is_own`."""

    number: int
    scores: Mapping[str, Mapping[str, Mapping[str, float]]]
    is_own: bool


@dataclass(frozen=True)
class Together:
    """What the dots of one claim show: their differences by set, the mean, and its confidence sequence."""

    values: Mapping[int, float]
    mean: float
    low: float
    high: float


def dots(lesson: Lesson, findings: Iterable[Finding], user: User | None) -> dict[str, list[Dot]]:
    """By finding, the dots of its present content, in the order in which they came."""
    contents = {finding.id: arms.content(lesson, finding) for finding in findings if arms.has_own_sets(lesson, finding)}
    found: dict[str, list[Dot]] = {finding.id: [] for finding in findings}
    if not contents:
        return found
    rows = Contribution.objects.counted().filter(lesson=lesson, content__in=set(contents.values()))
    for name, content, number, scores, user_id in rows.values_list("finding", "content", "number", "scores", "user_id"):
        if contents.get(name) == content and scores is not None:
            found[name].append(Dot(number, scores, user is not None and user_id == user.pk))
    return found


def together(claim: Claim, experiment: Experiment, shown: Sequence[Dot]) -> Together | None:
    """The claim's effect over the dots; None where no dot has all arms that it compares."""
    found = {dot.number: effect(claim, _of_measure(claim, dot.scores.get(experiment.challenge, {}))) for dot in shown}
    values = {number: value for number, value in found.items() if value is not None}
    if not values:
        return None
    lowest = 0.0 if claim.found == "spread" else -1.0
    return Together(values, fmean(values.values()), *interval(list(values.values()), lowest, 1.0))


def _of_measure(claim: Claim, scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    return {arm: values[claim.measure] for arm, values in scores.items() if claim.measure in values}


def effect(claim: Claim, scores: Mapping[str, float]) -> float | None:
    """How far apart the arms of a claim are within one set, in [-1, 1].

    None where one of them was not run. A claim about the best of several repetitions has no effect within one set.
    """
    if claim.best or not all(arm in scores for arm in claim.arms):
        return None
    compared = [scores[arm] for arm in claim.arms]
    return max(compared) - min(compared) if claim.found == "spread" else compared[0] - compared[1]


def sets_of(lesson: Lesson, findings: Iterable[Finding], user: User | None) -> dict[str, list[Contribution]]:
    """By finding, the newest sets of `user` on its present content, with their predictions."""
    contents = {finding.id: arms.content(lesson, finding) for finding in findings if arms.has_own_sets(lesson, finding)}
    found: dict[str, list[Contribution]] = {finding.id: [] for finding in findings}
    if user is None or not contents:
        return found
    rows = Contribution.objects.filter(user=user, lesson=lesson, content__in=set(contents.values()))
    for one in rows.select_related("prediction").order_by("-pk")[:LISTED]:
        if contents.get(one.finding) == one.content:
            found[one.finding].append(one)
    return found
