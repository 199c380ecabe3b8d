"""The arms of a finding that a learner can run: which there are, and the submission of each repetition.

The submissions are made by the function that `gradus challenge prove` uses, from the training rows that everybody can
read, so a run on the site sends the model what the author's run sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext

from challenges import payloads
from challenges.bundle import ChallengeBundle, training_rows
from challenges.findings import runs
from challenges.findings.spec import Arm, Experiment, Finding
from challenges.kinds import registry as kinds
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
    """Whether the arm is trained, and no prompt: a learner's run has too few steps to be the same experiment, and
    nobody can submit a control.
    """
    if arm.control is not None:
        return True
    stored = [lesson.arms.get(f"{experiment.challenge}/{file}", {}) for file in arm.files]
    return any("kind" not in arm or kinds.find(arm["kind"]).is_trained for arm in stored)


def kind(lesson: Lesson, experiment: Experiment, arm: Arm) -> str:
    """The kind of an arm's submissions, as far as it is stored; else empty."""
    return str(lesson.arms.get(f"{experiment.challenge}/{arm.files[0]}", {}).get("kind", ""))


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
    """The arms that are training runs, which learners can make in the challenge."""
    return [
        (experiment, arm)
        for experiment in finding.experiments
        for arm in experiment.arms
        if arm.control is None and is_trained(lesson, experiment, arm)
    ]


def sets(lesson: Lesson, finding: Finding) -> int:
    """How many repetitions the author has, from which a learner can choose."""
    return max((count(arm) for _, arm in runnable(lesson, finding)), default=0)


def has_own_sets(lesson: Lesson, finding: Finding) -> bool:
    """Whether further sets of examples can be drawn, beyond the author's."""
    return any(arm.example_sets for _, arm in runnable(lesson, finding))


def planned(lesson: Lesson, finding: Finding, number: int) -> Iterator[Planned]:
    """What repetition `number` is made of. An arm that is run once belongs to each of them.

    A number above the author's is a set of a learner's own: it has the arms whose examples are drawn.
    """
    is_own = number > sets(lesson, finding)
    for experiment, arm in runnable(lesson, finding):
        repetition = 1 if count(arm) == 1 else number
        if repetition <= count(arm) or (is_own and arm.example_sets):
            yield Planned(experiment.challenge, arm, repetition)


def name(arm: Arm, repetition: int) -> str:
    """What people call one repetition; empty for an arm that is run once."""
    if count(arm) == 1:
        return ""
    named = gettext("set %(number)s") if arm.example_sets else gettext("prompt %(number)s")
    return named % {"number": repetition}


def bundle_of(version: ChallengeVersion) -> ChallengeBundle:
    """What decides the submissions of arms: the specification and the training rows, and no hidden row."""
    return ChallengeBundle(version.parsed, "", "", train=training_rows(version.train), digest=version.digest)


def submission(lesson: Lesson, bundle: ChallengeBundle, arm: Arm, number: int) -> dict[str, Any]:
    """The payload of repetition `number` of a prompt arm, from 1."""
    challenge = bundle.challenge.id
    files = {(challenge, file): payloads.parse(lesson.arms[f"{challenge}/{file}"]) for file in arm.files}
    return runs.repetition(arm, bundle, files, number).payload.model_dump(mode="json")


def content(lesson: Lesson, finding: Finding) -> str:
    """The digest of what decides the scores of a finding's prompt arms on public rows: prompts, draws and versions."""
    parts = [
        [
            experiment.challenge,
            lesson.contents.get(experiment.challenge),
            arm.model_dump(mode="json", exclude={"title", "tuned_on"}),
            [lesson.arms.get(f"{experiment.challenge}/{file}") for file in arm.files],
        ]
        for experiment, arm in runnable(lesson, finding)
    ]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def live(lesson: Lesson, name: str) -> Challenge | None:
    """The lesson's challenge with the content that came with the findings; None where another content is published."""
    published = next((challenge for challenge in lesson.current_challenges if challenge.name == name), None)
    if published is None or published.version is None or published.version.digest != lesson.contents.get(name):
        return None
    return published
