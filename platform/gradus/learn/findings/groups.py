"""What was run on the public rows of a finding's challenges: everybody's sets, and a learner's own runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenges.findings.spec import Arm, ArmRecord, Experiment, Finding, FindingRecord, Measure
from gradus.courses.models import Lesson
from gradus.laboratory import arms
from gradus.laboratory.runs import Own
from gradus.learn.findings import figure, words
from gradus.learn.findings import shared as sharing
from gradus.learn.findings.figure import Panel, Series, Shared
from gradus.learn.findings.laboratory import Dot
from gradus.learn.findings.scale import Scale


@dataclass(frozen=True)
class Line:
    """One run of the learner; scores by measure, each beside the author's on the same rows."""

    arm: str
    repetition: str
    own: Own
    values: tuple[tuple[float | None, float | None], ...]


@dataclass(frozen=True)
class Group:
    """What was run on the public rows of one challenge: everybody's sets, and the learner's own runs one by one."""

    challenge: str
    public_rows: str
    shared: tuple[Shared, ...]
    panels: tuple[Panel, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


def groups(
    lesson: Lesson,
    finding: Finding,
    record: FindingRecord | None,
    own: Sequence[Own],
    dots: Sequence[Dot],
    scale: Scale,
) -> Iterator[Group]:
    for place, experiment in enumerate(finding.experiments):
        challenge = arms.live(lesson, experiment.challenge)
        mine = [one for one in own if one.challenge == experiment.challenge]
        theirs = [dot for dot in dots if experiment.challenge in dot.scores]
        if not (mine or theirs) or challenge is None or challenge.version is None:
            continue
        of_experiment = record.experiments[place] if record else None
        recorded = {arm.id: arm for arm in of_experiment.arms} if of_experiment else {}
        measures = words.of_measures(finding, challenge.spec)
        yield Group(
            challenge=challenge.title,
            public_rows=words.of_public_rows(len(challenge.version.public)),
            shared=sharing.shared(finding, experiment, of_experiment, theirs, scale, measures),
            panels=tuple(
                figure.panel(name, _series(experiment, recorded, mine, theirs, one))
                for one, name in measures.items()
                if theirs or any(one in run.values for run in mine)
            ),
            columns=tuple(measures.values()),
            lines=tuple(_lines(experiment, recorded, mine, tuple(measures))),
        )


def _series(
    experiment: Experiment,
    recorded: dict[str, ArmRecord],
    own: Sequence[Own],
    dots: Sequence[Dot],
    measure: Measure,
) -> list[Series]:
    """All arms, so that each keeps its shape; those that are trained have no marks of learners."""
    found = []
    for arm in experiment.arms:
        theirs = _authors(recorded.get(arm.id), measure)
        mean = sum(theirs) / len(theirs) if theirs else None
        mine = {one.repetition: one.values[measure] for one in own if one.arm == arm.id and measure in one.values}
        learners = _learners(experiment, arm, dots, measure)
        ringed = {dot.number: learners[dot.number] for dot in dots if dot.is_own and dot.number in learners}
        found.append(Series(arm.title, theirs, mean, {**ringed, **mine}, learners))
    return found


def _learners(experiment: Experiment, arm: Arm, dots: Sequence[Dot], measure: Measure) -> dict[int, float]:
    """By set. An arm that is the same in every set is one number, and no sample."""
    if arm.example_sets is None:
        return {}
    found = {dot.number: dot.scores[experiment.challenge].get(arm.id, {}).get(measure) for dot in dots}
    return {number: value for number, value in found.items() if value is not None}


def _authors(record: ArmRecord | None, measure: Measure) -> tuple[float, ...]:
    """The author's scores on public rows by repetition; empty unless all of them are there."""
    runs = record.runs if record else ()
    return tuple(run.public[measure] for run in runs) if all(measure in run.public for run in runs) else ()


def _lines(
    experiment: Experiment, recorded: dict[str, ArmRecord], own: Sequence[Own], measures: Sequence[Measure]
) -> Iterator[Line]:
    for arm in experiment.arms:
        for one in sorted((one for one in own if one.arm == arm.id), key=lambda one: one.repetition):
            theirs = _public(recorded.get(arm.id), one.repetition)
            values = tuple((one.values.get(measure), theirs.get(measure)) for measure in measures)
            yield Line(arm.title, arms.name(arm, one.repetition), one, values)


def _public(record: ArmRecord | None, repetition: int) -> dict[str, float]:
    runs = record.runs if record else ()
    return runs[repetition - 1].public if repetition <= len(runs) else {}
