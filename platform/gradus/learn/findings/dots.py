"""The dots that learners have added to a finding, and what they show of each claim beside the author's numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from challenges.findings.spec import Claim, ClaimRecord, Experiment, ExperimentRecord, Finding, Measure
from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.laboratory import arms
from gradus.laboratory.models import Contribution
from gradus.learn.findings import figure, words
from gradus.learn.findings.confidence import interval
from gradus.learn.findings.figure import Mark, Scale, Shared, differences, lanes
from gradus.learn.findings.words import signed

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


def dots_of(lesson: Lesson, findings: Iterable[Finding], user: User | None) -> dict[str, list[Dot]]:
    """By finding, the dots of its present content, in the order in which they came."""
    contents = {finding.id: arms.content(lesson, finding) for finding in findings if arms.has_own_sets(lesson, finding)}
    by_finding: dict[str, list[Dot]] = {finding.id: [] for finding in findings}
    if not contents:
        return by_finding
    rows = Contribution.objects.counted().filter(lesson=lesson, content__in=set(contents.values()))
    for name, content, number, scores, user_id in rows.values_list("finding", "content", "number", "scores", "user_id"):
        if contents.get(name) == content and scores is not None:
            by_finding[name].append(Dot(number, scores, user is not None and user_id == user.pk))
    return by_finding


def together(claim: Claim, experiment: Experiment, shown: Sequence[Dot]) -> Together | None:
    """The claim's effect over the dots; None where no dot has all arms that it compares."""
    effects = {dot.number: effect(claim, _of_measure(claim, dot.scores.get(experiment.challenge, {}))) for dot in shown}
    values = {number: value for number, value in effects.items() if value is not None}
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
    by_finding: dict[str, list[Contribution]] = {finding.id: [] for finding in findings}
    if user is None or not contents:
        return by_finding
    rows = Contribution.objects.filter(user=user, lesson=lesson, content__in=set(contents.values()))
    for one in rows.select_related("prediction").order_by("-pk")[:LISTED]:
        if contents.get(one.finding) == one.content:
            by_finding[one.finding].append(one)
    return by_finding


def scale_of(finding: Finding, records: Sequence[ExperimentRecord], dots: Sequence[Dot]) -> Scale:
    """One axis for all differences of a finding: it changes only where a difference does not fit any more."""
    recorded = [value for one in records for claim in one.claims for value in (claim.effect, claim.low, claim.high)]
    of_claims = [together(claim, experiment, dots) for experiment in finding.experiments for claim in finding.claims]
    return differences([*recorded, *(value for one in of_claims if one for value in one.values.values())])


def shared(
    finding: Finding,
    experiment: Experiment,
    record: ExperimentRecord | None,
    dots: Sequence[Dot],
    scale: Scale,
    measures: Mapping[Measure, str],
) -> tuple[Shared, ...]:
    """One for each claim of which a dot tells something."""
    recorded = record.claims if record else [None] * len(finding.claims)
    pairs = [
        (claim, of_claim, of_dots)
        for claim, of_claim in zip(finding.claims, recorded, strict=True)
        if (of_dots := together(claim, experiment, dots))
    ]
    return tuple(
        _line(claim, of_claim, of_dots, experiment, record, {dot.number for dot in dots if dot.is_own}, scale, measures)
        for claim, of_claim, of_dots in pairs
    )


def _line(
    claim: Claim,
    of_claim: ClaimRecord | None,
    of_dots: Together,
    experiment: Experiment,
    record: ExperimentRecord | None,
    own: set[int],
    scale: Scale,
    measures: Mapping[Measure, str],
) -> Shared:
    titles = {arm.id: arm.title for arm in experiment.arms}
    dots = figure.scattered(of_dots.values, scale)
    authors = figure.effects([(claim, of_claim)], experiment.arms, scale, measures) if of_claim else ()
    return Shared(
        title=words.of_comparison(claim, titles),
        measure=measures[claim.measure],
        author=authors[0] if authors else None,
        author_marks=_author_marks(claim, experiment, record, scale),
        learners=tuple(dots.values()),
        own=tuple(mark for number, mark in dots.items() if number in own),
        x=scale.at(of_dots.mean),
        low=scale.at(of_dots.low),
        high=scale.at(of_dots.high),
        said=words.of_mean(signed(of_dots.mean), signed(of_dots.low), signed(of_dots.high)),
        found=words.of_learners(claim, titles, measures[claim.measure], of_dots.mean, of_dots.low, of_dots.high),
    )


def _author_marks(
    claim: Claim, experiment: Experiment, record: ExperimentRecord | None, scale: Scale
) -> tuple[Mark, ...]:
    """The author's differences on public rows, one for each repetition."""
    runs = {arm.id: arm.runs for arm in record.arms} if record else {}
    values = []
    for n in range(max((len(runs.get(arm, ())) for arm in claim.arms), default=0)):
        scores = {
            arm: of_arm[min(n, len(of_arm) - 1)].public[claim.measure]
            for arm, of_arm in runs.items()
            if (len(of_arm) == 1 or n < len(of_arm)) and claim.measure in of_arm[min(n, len(of_arm) - 1)].public
        }
        values.append(effect(claim, scores))
    known = [value for value in values if value is not None]
    above = lanes([scale.share(value) for value in known])
    return tuple(Mark(scale.at(value), up, signed(value)) for value, up in zip(known, above, strict=True))
