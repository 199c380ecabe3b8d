"""What the learners' dots show of each claim, as lines of a figure beside the author's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from challenges.findings.spec import Claim, ClaimRecord, Experiment, ExperimentRecord, Finding, Measure
from gradus.learn.findings import figure, laboratory, words
from gradus.learn.findings.figure import Mark, Shared
from gradus.learn.findings.laboratory import Dot, Together
from gradus.learn.findings.scale import Scale, differences, lanes, signed


def scale_of(finding: Finding, records: Sequence[ExperimentRecord], dots: Sequence[Dot]) -> Scale:
    """One axis for all differences of a finding: it changes only where a difference does not fit any more."""
    recorded = [value for one in records for claim in one.claims for value in (claim.effect, claim.low, claim.high)]
    found = [
        laboratory.together(claim, experiment, dots) for experiment in finding.experiments for claim in finding.claims
    ]
    return differences([*recorded, *(value for one in found if one for value in one.values.values())])


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
        (claim, of_claim, found)
        for claim, of_claim in zip(finding.claims, recorded, strict=True)
        if (found := laboratory.together(claim, experiment, dots))
    ]
    return tuple(
        _line(claim, of_claim, found, experiment, record, {dot.number for dot in dots if dot.is_own}, scale, measures)
        for claim, of_claim, found in pairs
    )


def _line(
    claim: Claim,
    of_claim: ClaimRecord | None,
    found: Together,
    experiment: Experiment,
    record: ExperimentRecord | None,
    own: set[int],
    scale: Scale,
    measures: Mapping[Measure, str],
) -> Shared:
    titles = {arm.id: arm.title for arm in experiment.arms}
    dots = figure.scattered(found.values, scale)
    authors = figure.effects([(claim, of_claim)], experiment.arms, scale, measures) if of_claim else ()
    return Shared(
        title=words.of_comparison(claim, titles),
        measure=measures[claim.measure],
        author=authors[0] if authors else None,
        author_marks=_author_marks(claim, experiment, record, scale),
        learners=tuple(dots.values()),
        own=tuple(mark for number, mark in dots.items() if number in own),
        x=scale.at(found.mean),
        low=scale.at(found.low),
        high=scale.at(found.high),
        said=words.of_mean(signed(found.mean), signed(found.low), signed(found.high)),
        found=words.of_learners(claim, titles, measures[claim.measure], found.mean, found.low, found.high),
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
        values.append(laboratory.effect(claim, scores))
    found = [value for value in values if value is not None]
    above = lanes([scale.share(value) for value in found])
    return tuple(Mark(scale.at(value), up, signed(value)) for value, up in zip(found, above, strict=True))
