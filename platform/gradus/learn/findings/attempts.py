"""A learner's own runs of a finding beside the author's scores on the same public rows, never beside hidden ones."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenges.findings import Arm, ArmRecord, Experiment, Finding, FindingRecord, Measure
from gradus.courses.models import Challenge, Lesson
from gradus.learn.findings import arms, figure, words
from gradus.learn.findings.figure import Panel, Series
from gradus.learn.findings.runs import Own


@dataclass(frozen=True)
class Training:
    """An arm that is trained in its challenge; `minutes` is None where that was not measured."""

    title: str
    challenge: str
    slug: str
    kind: str
    minutes: int | None


@dataclass(frozen=True)
class Line:
    """One run of the learner; scores by measure, each beside the author's on the same rows."""

    arm: str
    repetition: str
    own: Own
    values: tuple[tuple[float | None, float | None], ...]


@dataclass(frozen=True)
class Group:
    """The learner's runs on the rows of one challenge."""

    challenge: str
    public_rows: str
    panels: tuple[Panel, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def has_scores(self) -> bool:
        return any(line.own.values for line in self.lines)


@dataclass(frozen=True)
class Attempts:
    """`sets` pairs each number that can be chosen with its name; `is_live` says that the content is published.

    `missing` is how many arms have not been started of the repetitions that the learner has begun: there may have been
    too many for the open runs that a learner is allowed.
    """

    sets: tuple[tuple[int, str], ...]
    is_live: bool
    trained: tuple[Training, ...]
    groups: tuple[Group, ...]
    open: int
    ended: int
    missing: int

    @property
    def total(self) -> int:
        return self.open + self.ended

    @property
    def has_failed(self) -> bool:
        """Whether a run ended without scores, and can be started again."""
        return any(not line.own.counts for group in self.groups for line in group.lines)

    @property
    def seen(self) -> str:
        """Changes when there is something new to see."""
        return f"{self.open}.{self.ended}.{sum(line.own.state == 'running' for g in self.groups for line in g.lines)}"


def attempts(lesson: Lesson, finding: Finding, record: FindingRecord | None, own: Sequence[Own]) -> Attempts:
    """What a learner can run of a finding, and what has become of it."""
    open_ = sum(one.is_open for one in own)
    runnable = arms.runnable(lesson, finding)
    return Attempts(
        sets=tuple((n, _set_name(runnable, n)) for n in range(1, arms.sets(lesson, finding) + 1)),
        is_live=all(arms.live(lesson, experiment.challenge) for experiment, _ in runnable),
        trained=tuple(_training(lesson, *pair) for pair in arms.trained(lesson, finding)),
        groups=tuple(_groups(lesson, finding, record, own)),
        open=open_,
        ended=len(own) - open_,
        missing=_missing(lesson, finding, own),
    )


def _missing(lesson: Lesson, finding: Finding, own: Sequence[Own]) -> int:
    started = {one.place for one in own}
    begun = {one.repetition for one in own if _is_repeated(finding, one)} or {1 for _ in own}
    return len({plan.place for number in begun for plan in arms.planned(lesson, finding, number)} - started)


def _is_repeated(finding: Finding, own: Own) -> bool:
    found = (arm for one in finding.experiments if one.challenge == own.challenge for arm in one.arms)
    return any(arm.id == own.arm and arms.count(arm) > 1 for arm in found)


def _set_name(runnable: Sequence[tuple[Experiment, Arm]], number: int) -> str:
    repeated = next((arm for _, arm in runnable if 1 < arms.count(arm) >= number), None)
    return arms.name(repeated, number) if repeated else ""


def _training(lesson: Lesson, experiment: Experiment, arm: Arm) -> Training:
    challenge = arms.live(lesson, experiment.challenge)
    title = challenge.title if challenge else ""
    kind = arms.kind(lesson, experiment, arm)
    return Training(arm.title, title, challenge.slug if challenge else "", kind, _minutes(challenge, arm))


def _minutes(challenge: Challenge | None, arm: Arm) -> int | None:
    """Training and grading together, from the baseline with the same file."""
    results = challenge.version.results if challenge and challenge.version else []
    seconds = next((row.get("seconds") for row in results if row.get("file") == arm.files[0]), None)
    return max(1, math.ceil(seconds / 60)) if isinstance(seconds, int | float) else None


def _groups(lesson: Lesson, finding: Finding, record: FindingRecord | None, own: Sequence[Own]) -> Iterator[Group]:
    for place, experiment in enumerate(finding.experiments):
        challenge = arms.live(lesson, experiment.challenge)
        mine = [one for one in own if one.challenge == experiment.challenge]
        if not mine or challenge is None or challenge.version is None:
            continue
        recorded = {arm.id: arm for arm in record.experiments[place].arms} if record else {}
        measures = words.of_measures(finding, challenge.spec)
        yield Group(
            challenge=challenge.title,
            public_rows=f"{len(challenge.version.public)} public rows",
            panels=tuple(
                figure.panel(name, _series(experiment, recorded, mine, one)) for one, name in measures.items()
            ),
            columns=tuple(measures.values()),
            lines=tuple(_lines(experiment, recorded, mine, tuple(measures))),
        )


def _series(
    experiment: Experiment, recorded: dict[str, ArmRecord], own: Sequence[Own], measure: Measure
) -> list[Series]:
    """All arms, so that each keeps its shape; those that are trained have no marks of the learner."""
    found = []
    for arm in experiment.arms:
        theirs = _authors(recorded.get(arm.id), measure)
        mean = sum(theirs) / len(theirs) if theirs else None
        mine = {one.repetition: one.values[measure] for one in own if one.arm == arm.id and measure in one.values}
        found.append(Series(arm.title, theirs, mean, mine))
    return found


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
