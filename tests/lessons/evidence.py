"""What claims of a lesson are checked against: its records, rows and submissions, and its live searches and demo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from challenges import payloads
from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.findings.spec import ArmRecord, ClaimRecord, ExperimentRecord
from challenges.kinds.tune import TunePayload
from challenges.lesson.demo import PANELS, DemoRecord, Said, said
from graders.base import Assignment, Grade, Passage
from graders.registry import grade
from gradus.learn.demo import retriever
from workers.authoring import demos
from workers.execute import Running, execute

SECONDS = 600.0


@dataclass(frozen=True)
class Evidence:
    """`runner` is used by what is live: `search`, `demo` and `answers`."""

    course: CourseBundle
    lesson: LessonBundle
    runner: Running

    def challenge(self, name: str) -> ChallengeBundle:
        return next(one for one in self.lesson.challenges if one.challenge.id == name)

    def arm(self, challenge: str, file: str) -> Any:
        """The submission in `file`, which a finding or a baseline of the challenge names."""
        baselines = {one.ref.file: one.payload for one in self.challenge(challenge).baselines}
        return {**baselines, **{name: one for (of, name), one in self.lesson.arms.items() if of == challenge}}[file]

    def record(self, finding: str, challenge: str = "") -> ExperimentRecord:
        found = self.lesson.records.findings[finding].experiments
        return next(one for one in found if challenge in ("", one.challenge))

    def arm_record(self, finding: str, arm: str, challenge: str = "") -> ArmRecord:
        return next(one for one in self.record(finding, challenge).arms if one.id == arm)

    def mean(self, finding: str, arm: str, measure: str = "score") -> float:
        return self.arm_record(finding, arm).mean[measure]

    def public_mean(self, finding: str, arm: str, measure: str = "score") -> float:
        runs = [run.public[measure] for run in self.arm_record(finding, arm).runs]
        return sum(runs) / len(runs)

    def claim(self, finding: str, number: int, challenge: str = "") -> ClaimRecord:
        """The record of claim `number`, from 1."""
        return self.record(finding, challenge).claims[number - 1]

    def measured(self, challenge: str, baseline: str) -> dict[str, Any]:
        """What `gradus challenge test --record` wrote about a baseline, named without its folder and ending."""
        results = self.lesson.measured["baselines"][challenge]["results"]
        return next(one for one in results if one["file"] == f"baselines/{baseline}.yaml")

    def next_lesson(self) -> LessonBundle | None:
        ids = [one.id for one in self.course.lessons]
        rest = self.course.lessons[ids.index(self.lesson.id) + 1 :]
        return rest[0] if rest else None

    def search(self, question: str, **changed: Any) -> dict[str, tuple[Passage, ...]]:
        """The passages that each search of the lesson's retriever finds, the best first, as its page shows them.

        `changed` are values of the submission that differ from those of the page, such as `overlap`.
        """
        spec = self.lesson.lesson.retriever
        assert spec is not None
        bundle, found = self.challenge(spec.challenge), {}
        for method in retriever.TITLES:
            payload = payloads.parse({**retriever.choices(spec, method), **changed})
            (row,) = self._graded(Assignment(bundle, payload, hidden=False, inputs=(question,))).public
            assert row.look_up is not None
            found[method] = row.look_up.passages
        return found

    @cached_property
    def demo(self) -> DemoRecord:
        """What the lesson's demo answers now to its first example, with the tokens that each panel reads."""
        return demos.record(self.lesson, self.runner)

    @cached_property
    def panels(self) -> dict[str, Said]:
        spec, _ = demos.of(self.lesson)
        return {name: said(spec, name, self.demo.panels[name].probabilities) for name in PANELS}

    def answers(self, challenge: str, inputs: Sequence[str]) -> list[str]:
        """What the base model writes after each bare input, without instructions and examples."""
        payload = payloads.parse({"kind": "prompt"})
        assignment = Assignment(self.challenge(challenge), payload, hidden=False, inputs=tuple(inputs))
        return [row.output for row in self._graded(assignment).public]

    def _graded(self, assignment: Assignment) -> Grade:
        return execute(grade(assignment), self.runner, None, lambda event: None, lambda: False, SECONDS)


def place(passages: Sequence[Passage], document: str) -> int | None:
    """The place of the first passage of a document, from 1; None where there is none."""
    return next((number for number, one in enumerate(passages, 1) if one.document == document), None)


def steps(payload: TunePayload) -> int:
    """How many steps a training run makes, with the values that the submission itself gives."""
    assert payload.hyperparameters.per_device_train_batch_size and payload.hyperparameters.num_train_epochs
    batches = math.ceil(len(payload.rows) / payload.hyperparameters.per_device_train_batch_size)
    return batches * int(payload.hyperparameters.num_train_epochs)


def differing(one: Any, other: Any) -> set[str]:
    """The keys of two submissions whose values differ."""
    first, second = (payload.model_dump(mode="json") for payload in (one, other))
    return {key for key in first.keys() | second.keys() if first.get(key) != second.get(key)}
