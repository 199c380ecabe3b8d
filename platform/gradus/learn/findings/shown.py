"""A finding as its page shows it: texts with their numbers, the figure, and its table twin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenges.findings.digest import RESAMPLES
from challenges.findings.spec import Experiment, ExperimentRecord, Finding, FindingRecord, Measure
from challenges.findings.text import filled
from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.laboratory.runs import own_runs
from gradus.learn.findings import figure, words
from gradus.learn.findings.attempts import Attempts, attempts
from gradus.learn.findings.dots import dots_of, sets_of
from gradus.learn.findings.figure import Effect, Panel, Scale, Series


@dataclass(frozen=True)
class TableRow:
    """One repetition of one arm; numbers by measure, None where there is none."""

    arm: str
    repetition: str
    values: tuple[tuple[float | None, float | None], ...]


@dataclass(frozen=True)
class Group:
    """One experiment: the arms on the rows of one challenge."""

    challenge: str
    slug: str
    rows: str
    repetitions: str
    panels: tuple[Panel, ...]
    effects: tuple[Effect, ...]
    columns: tuple[str, ...]
    table: tuple[TableRow, ...]


@dataclass(frozen=True)
class Shown:
    """`groups` are empty where nothing was measured; `failed` are the effects that do not show what was claimed.

    `is_hidden` says that it was measured on hidden rows.
    """

    id: str
    title: str
    statement: str
    limits: str
    is_hidden: bool
    groups: tuple[Group, ...]
    scale: Scale
    measured_on: str
    day: str
    resamples: str
    attempts: Attempts

    @property
    def is_measured(self) -> bool:
        return bool(self.groups)

    @property
    def failed(self) -> tuple[Effect, ...]:
        return tuple(effect for group in self.groups for effect in group.effects if not effect.holds)


def shown(lesson: Lesson, user: User | None) -> list[Shown]:
    """All findings of a lesson in the author's order, with the runs of `user`."""
    findings = lesson.parsed_findings
    of_all = _attempts(lesson, findings, user)
    return [_shown(lesson, one, of_all[one.id]) for one in findings]


def shown_one(lesson: Lesson, finding: Finding, user: User | None) -> Shown:
    """One finding of a lesson."""
    return _shown(lesson, finding, attempts_of(lesson, finding, user))


def attempts_of(lesson: Lesson, finding: Finding, user: User | None) -> Attempts:
    """What a learner has run of one finding."""
    return _attempts(lesson, [finding], user)[finding.id]


def _attempts(lesson: Lesson, findings: Sequence[Finding], user: User | None) -> dict[str, Attempts]:
    own, dots = own_runs(lesson, findings, user), dots_of(lesson, findings, user)
    sets = sets_of(lesson, findings, user)
    return {
        one.id: attempts(lesson, one, record_of(lesson, one), own[one.id], dots[one.id], sets[one.id])
        for one in findings
    }


def record_of(lesson: Lesson, finding: Finding) -> FindingRecord | None:
    """The finding's record, if there is one with the finding's experiments, arms and claims."""
    record = lesson.parsed_records.get(finding.id)
    if record is None or len(record.experiments) != len(finding.experiments):
        return None
    pairs = zip(finding.experiments, record.experiments, strict=True)
    return record if all(_fits(finding, *pair) for pair in pairs) else None


def _fits(finding: Finding, experiment: Experiment, record: ExperimentRecord) -> bool:
    arms = [arm.id for arm in experiment.arms]
    return (
        record.challenge == experiment.challenge
        and [arm.id for arm in record.arms] == arms
        and all(arm.runs for arm in record.arms)
        and len(record.claims) == len(finding.claims)
    )


def _shown(lesson: Lesson, finding: Finding, own: Attempts) -> Shown:
    record = record_of(lesson, finding)
    measured = list(zip(finding.experiments, record.experiments, strict=True)) if record else []
    scale = figure.effects_scale(claim for _, one in measured for claim in one.claims)
    return Shown(
        id=finding.id,
        title=finding.title,
        statement=filled(finding, record, finding.statement),
        limits=filled(finding, record, finding.limits),
        is_hidden=finding.rows == "hidden",
        groups=tuple(_group(lesson, finding, scale, *pair) for pair in measured),
        scale=scale,
        measured_on=record.machine if record else "",
        day=words.of_day(record.day) if record else "",
        resamples=f"{RESAMPLES:,}",
        attempts=own,
    )


def _group(lesson: Lesson, finding: Finding, scale: Scale, experiment: Experiment, record: ExperimentRecord) -> Group:
    challenge = next((one for one in lesson.current_challenges if one.name == experiment.challenge), None)
    measures = words.of_measures(finding, challenge.spec if challenge else None)
    return Group(
        challenge=challenge.title if challenge else experiment.challenge,
        slug=challenge.slug if challenge else "",
        rows=words.of_rows(finding, record.rows),
        repetitions=words.of_repetitions([len(arm.runs) for arm in record.arms]),
        panels=tuple(figure.panel(name, _series(experiment, record, one)) for one, name in measures.items()),
        effects=figure.effects(list(zip(finding.claims, record.claims, strict=True)), experiment.arms, scale, measures),
        columns=tuple(measures.values()),
        table=tuple(_table(experiment, record, tuple(measures))),
    )


def _series(experiment: Experiment, record: ExperimentRecord, measure: Measure) -> list[Series]:
    pairs = zip(experiment.arms, record.arms, strict=True)
    return [
        Series(arm.title, tuple(run.values[measure] for run in recorded.runs), recorded.mean.get(measure), {})
        if all(measure in run.values for run in recorded.runs)
        else Series(arm.title, (), None, {})
        for arm, recorded in pairs
    ]


def _table(experiment: Experiment, record: ExperimentRecord, measures: Sequence[Measure]) -> Iterator[TableRow]:
    for arm, recorded in zip(experiment.arms, record.arms, strict=True):
        for run in recorded.runs:
            values = tuple((run.values.get(measure), run.public.get(measure)) for measure in measures)
            yield TableRow(arm.title, run.name, values)
