"""A learner's own runs of a finding beside the author's scores on the same public rows, never beside hidden ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from challenges.findings.spec import Arm, Experiment, Finding, FindingRecord
from gradus.courses.models import Challenge, Lesson
from gradus.laboratory import arms, own_sets
from gradus.laboratory.models import Contribution
from gradus.laboratory.own_sets import Question
from gradus.laboratory.runs import Own
from gradus.learn.findings import shared as sharing
from gradus.learn.findings import words
from gradus.learn.findings.groups import Group, groups
from gradus.learn.findings.laboratory import Dot
from gradus.learn.findings.scale import Scale


@dataclass(frozen=True)
class Training:
    """An arm that is trained in its challenge; `minutes` is None where that was not measured."""

    title: str
    challenge: str
    slug: str
    kind: str
    minutes: int | None


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
    scale = sharing.scale_of(finding, record.experiments if record else (), dots)
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
