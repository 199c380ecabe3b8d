"""What learners ran of a finding on public rows, beside the author's scores on those rows and never on hidden ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenges.findings.spec import Arm, ArmRecord, Experiment, Finding, FindingRecord, Measure
from gradus.courses.models import Challenge, Lesson
from gradus.laboratory import arms, own_sets
from gradus.laboratory.models import Contribution
from gradus.laboratory.own_sets import Question
from gradus.laboratory.runs import Own
from gradus.learn.findings import figure, words
from gradus.learn.findings.dots import Dot, scale_of, shared
from gradus.learn.findings.figure import Panel, Scale, Series, Shared
from gradus.submissions import durations
from gradus.submissions.durations import Duration


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
            shared=shared(finding, experiment, of_experiment, theirs, scale, measures),
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
    drawn = []
    for arm in experiment.arms:
        theirs = _authors(recorded.get(arm.id), measure)
        mean = sum(theirs) / len(theirs) if theirs else None
        mine = {one.repetition: one.values[measure] for one in own if one.arm == arm.id and measure in one.values}
        learners = _learners(experiment, arm, dots, measure)
        ringed = {dot.number: learners[dot.number] for dot in dots if dot.is_own and dot.number in learners}
        drawn.append(Series(arm.title, theirs, mean, {**ringed, **mine}, learners))
    return drawn


def _learners(experiment: Experiment, arm: Arm, dots: Sequence[Dot], measure: Measure) -> dict[int, float]:
    """By set. An arm that is the same in every set is one number, and no sample."""
    if arm.example_sets is None:
        return {}
    by_set = {dot.number: dot.scores[experiment.challenge].get(arm.id, {}).get(measure) for dot in dots}
    return {number: value for number, value in by_set.items() if value is not None}


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


@dataclass(frozen=True)
class Training:
    """An arm that is trained in its challenge; `usual` is None where nothing tells how long that takes."""

    title: str
    challenge: str
    slug: str
    kind: str
    usual: Duration | None


@dataclass(frozen=True)
class Attempts:
    """`sets` pairs each number that can be chosen with its name; `is_live` says that the content is published.

    `missing` is how many arms have not been started of the repetitions that the learner has begun: there may have been
    too many for the open runs that a learner is allowed. `count` is how many sets of learners are dots, and `own_sets`
    are those of the learner, the newest first. `asked` is what can be predicted of a new set. `is_hidden` says that the
    author measured on hidden rows.
    """

    sets: tuple[tuple[int, str], ...]
    is_live: bool
    can_draw: bool
    asked: Question | None
    count: int
    own_sets: tuple[Contribution, ...]
    scale: Scale
    is_hidden: bool
    trained: tuple[Training, ...]
    groups: tuple[Group, ...]
    open: int
    ended: int
    missing: int

    @property
    def total(self) -> int:
        return self.open + self.ended

    @property
    def runs(self) -> str:
        return words.of_runs(self.count)

    @property
    def progress(self) -> str:
        return words.of_ended(self.ended, self.total)

    @property
    def arm_titles(self) -> dict[str, str]:
        """The arms that can be predicted, by their ids."""
        return {arm.id: arm.title for arm in self.asked.arms} if self.asked else {}

    @property
    def has_settled(self) -> bool:
        """Whether a prediction has been settled."""
        said = (getattr(one, "prediction", None) for one in self.own_sets)
        return any(one.outcome is not None for one in said if one)

    @property
    def has_shared(self) -> bool:
        """Whether the dots tell something of a claim."""
        return any(group.shared for group in self.groups)

    @property
    def begun(self) -> Contribution | None:
        """The set whose arms have not all ended."""
        return next((one for one in self.own_sets if one.counted_at is None), None)

    @property
    def has_failed(self) -> bool:
        """Whether a run ended without scores, and can be started again."""
        return any(not line.own.counts for group in self.groups for line in group.lines)

    @property
    def seen(self) -> str:
        """Changes when there is something new to see."""
        running = sum(line.own.state == "running" for group in self.groups for line in group.lines)
        return f"{self.open}.{self.ended}.{running}.{self.count}"


def attempts(
    lesson: Lesson,
    finding: Finding,
    record: FindingRecord | None,
    own: Sequence[Own],
    dots: Sequence[Dot] = (),
    mine: Sequence[Contribution] = (),
) -> Attempts:
    """What a learner can run of a finding, what has become of it, and the dots of all learners."""
    open_ = sum(one.is_open for one in own)
    runnable = arms.runnable(lesson, finding)
    scale = scale_of(finding, record.experiments if record else (), dots)
    return Attempts(
        sets=tuple((n, _set_name(runnable, n)) for n in range(1, arms.sets(lesson, finding) + 1)),
        is_live=all(arms.live(lesson, experiment.challenge) for experiment, _ in runnable),
        can_draw=arms.has_own_sets(lesson, finding),
        asked=own_sets.question(lesson, finding),
        count=len(dots),
        own_sets=tuple(mine),
        scale=scale,
        is_hidden=finding.rows == "hidden",
        trained=tuple(_training(lesson, *pair) for pair in arms.trained(lesson, finding)),
        groups=tuple(groups(lesson, finding, record, own, dots, scale)),
        open=open_,
        ended=len(own) - open_,
        missing=_missing(lesson, finding, own),
    )


def _missing(lesson: Lesson, finding: Finding, own: Sequence[Own]) -> int:
    started = {one.place for one in own}
    begun = {one.repetition for one in own if _is_repeated(finding, one)} or {1 for _ in own}
    return len({plan.place for number in begun for plan in arms.planned(lesson, finding, number)} - started)


def _is_repeated(finding: Finding, own: Own) -> bool:
    its_arms = (arm for one in finding.experiments if one.challenge == own.challenge for arm in one.arms)
    return any(arm.id == own.arm and arms.count(arm) > 1 for arm in its_arms)


def _set_name(runnable: Sequence[tuple[Experiment, Arm]], number: int) -> str:
    repeated = next((arm for _, arm in runnable if 1 < arms.count(arm) >= number), None)
    return arms.name(repeated, number) if repeated else ""


def _training(lesson: Lesson, experiment: Experiment, arm: Arm) -> Training:
    challenge = arms.live(lesson, experiment.challenge)
    title = challenge.title if challenge else ""
    kind = arms.kind(lesson, experiment, arm)
    return Training(arm.title, title, challenge.slug if challenge else "", kind, _usual(challenge, arm))


def _usual(challenge: Challenge | None, arm: Arm) -> Duration | None:
    """Training and grading together, as an attempt with what the baseline with the same file has trained on."""
    version = challenge.version if challenge else None
    results = version.results if version else []
    row = next((row for row in results if row.get("file") == arm.files[0]), None)
    return None if version is None or row is None else durations.of_baseline(version, row)
