"""The arms of a finding that a learner can run: which there are, and the submission of each repetition.

The submissions are made by the function that `gradus challenge prove` uses, from the training rows that everybody can
read, so a run on the site sends the model what the author's run sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from challenges import kinds, payloads
from challenges.bundle import ChallengeBundle
from challenges.findings import Arm, Experiment, Finding
from challenges.findings_runs import repetitions
from challenges.spec import TrainRow
from gradus.courses.models import Challenge, ChallengeVersion, Lesson

Place = tuple[str, str, int]
"""A challenge, an arm, and the number of a repetition of it."""


@dataclass(frozen=True)
class Planned:
    """One repetition of one arm, from 1, to be run on the public rows of a challenge."""

    challenge: str
    arm: Arm
    repetition: int

    @property
    def place(self) -> Place:
        return self.challenge, self.arm.id, self.repetition


def is_trained(lesson: Lesson, experiment: Experiment, arm: Arm) -> bool:
    """Whether the arm is a training run: a learner's run has too few steps to be the same experiment."""
    stored = [lesson.arms.get(f"{experiment.challenge}/{file}", {}) for file in arm.files]
    return any("kind" not in arm or kinds.find(arm["kind"]).is_trained for arm in stored)


def count(arm: Arm) -> int:
    """How often a prompt arm is repeated."""
    return arm.example_sets.count if arm.example_sets else len(arm.files)


def runnable(lesson: Lesson, finding: Finding) -> list[tuple[Experiment, Arm]]:
    """The prompt arms of a finding, in the author's order."""
    return [
        (experiment, arm)
        for experiment in finding.experiments
        for arm in experiment.arms
        if not is_trained(lesson, experiment, arm)
    ]


def trained(lesson: Lesson, finding: Finding) -> list[tuple[Experiment, Arm]]:
    """The arms that are training runs."""
    return [
        (experiment, arm)
        for experiment in finding.experiments
        for arm in experiment.arms
        if is_trained(lesson, experiment, arm)
    ]


def sets(lesson: Lesson, finding: Finding) -> int:
    """How many repetitions a learner can choose from."""
    return max((count(arm) for _, arm in runnable(lesson, finding)), default=0)


def planned(lesson: Lesson, finding: Finding, number: int) -> Iterator[Planned]:
    """What repetition `number` is made of. An arm that is run once belongs to each of them."""
    for experiment, arm in runnable(lesson, finding):
        repetition = 1 if count(arm) == 1 else number
        if repetition <= count(arm):
            yield Planned(experiment.challenge, arm, repetition)


def name(arm: Arm, repetition: int) -> str:
    """What people call one repetition; empty for an arm that is run once."""
    if count(arm) == 1:
        return ""
    return f"set {repetition}" if arm.example_sets else f"prompt {repetition}"


def submissions(lesson: Lesson, version: ChallengeVersion, challenge: str, arm: Arm) -> list[dict[str, Any]]:
    """The payload of each repetition of a prompt arm."""
    train = tuple(map(TrainRow.model_validate, version.train))
    # Only the specification and the training rows decide the examples; hidden rows stay in private storage.
    bundle = ChallengeBundle(version.parsed, "", "", train=train, digest=version.digest)
    files = {(challenge, file): payloads.parse(lesson.arms[f"{challenge}/{file}"]) for file in arm.files}
    return [one.payload.model_dump(mode="json") for one in repetitions(arm, bundle, files)]


def live(lesson: Lesson, slug: str) -> Challenge | None:
    """The lesson's challenge with the content that came with the findings; None where another content is published."""
    found = next((challenge for challenge in lesson.current_challenges if challenge.slug == slug), None)
    if found is None or found.version is None or found.version.digest != lesson.contents.get(slug):
        return None
    return found
