"""Grades a test set: each system answers its rows, and fails it where too few answers are as expected.

A system that fails is a prediction that it has a defect, so the score is a metric of predictions about systems.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from challenges.kinds.evaluate import EvaluatePayload
from challenges.kinds.evaluate_keys import FAILS, PASSES, Reads, Rule, System, evaluate
from challenges.rows import TrainRow
from challenges.spec import Challenge, Label
from graders.base import Assignment, Grade, GradedSample, Grading, WorkItem
from graders.decoding import Ask, answer, label_priors
from graders.metrics import measure

PRACTICE, HIDDEN = "public", "hidden"
VERDICTS = Label(type="label", labels=(FAILS, PASSES))


@dataclass(frozen=True)
class Tested:
    """A system with its answers to the rows of a test set, and how many of them are as expected."""

    system: System
    answers: tuple[str, ...]
    right: int
    verdict: str


def grade(assignment: Assignment) -> Grading:
    """Yields Score items for the practice systems and, if `hidden`, for the others.

    Systems that share a prompt and read alike get the same answers, which are computed once. Which of them do depends
    on the challenge alone, so the time that a job takes says nothing about what a system makes of the rows.
    """
    bundle, payload = assignment.bundle, assignment.payload
    assert isinstance(payload, EvaluatePayload)
    keys, challenge = evaluate(bundle.challenge), bundle.challenge
    asks = {name: _ask(challenge, prompt) for name, prompt in keys.systems.prompts.items()}
    priors = {}
    for name in dict.fromkeys(system.prompt for system in keys.systems.systems):
        priors[name] = yield from label_priors(asks[name], bundle.public)

    known: dict[tuple[str, Reads], list[str]] = {}

    def run(systems: Sequence[System], stage: str) -> Generator[WorkItem, Any, list[Tested]]:
        tested = []
        for system in systems:
            way = system.prompt, system.reads
            if way not in known:
                read = [system.reads.of(row.input) for row in payload.rows]
                answers = yield from answer(asks[system.prompt], read, stage, priors[system.prompt])
                known[way] = [one.text for one in answers.outputs]
            tested.append(_tested(keys.evaluate, system, payload.rows, known[way]))
        return tested

    practice = yield from run(keys.systems.of(practice=True), PRACTICE)
    graded = Grade(
        score=None,
        public_score=_score(challenge, practice) if practice else None,
        shown={"practice": [_shown(one) for one in practice], "rows": len(payload.rows)},
    )
    if not assignment.hidden:
        return graded
    hidden = yield from run(keys.systems.of(practice=False), HIDDEN)
    return replace(
        graded,
        score=_score(challenge, hidden),
        hidden=tuple(_row(one, len(payload.rows)) for one in hidden),
        shown={**graded.shown, **_shares(hidden)},
    )


def _ask(challenge: Challenge, prompt: Any) -> Ask:
    words = prompt.label_words
    return Ask(challenge, prompt.instructions, prompt.examples, prompt.example, words=words)


def _tested(rule: Rule, system: System, rows: Sequence[TrainRow], labels: Sequence[str]) -> Tested:
    answers = tuple(system.answer(row.input, label) for row, label in zip(rows, labels, strict=True))
    right = sum(given == row.output for given, row in zip(answers, rows, strict=True))
    return Tested(system, answers, right, rule.verdict(right, len(rows)))


def _score(challenge: Challenge, tested: Sequence[Tested]) -> float:
    verdicts, targets = [one.verdict for one in tested], [one.system.target for one in tested]
    return measure(challenge.metric.name, verdicts, targets, VERDICTS).value


def _shares(tested: Sequence[Tested]) -> dict[str, Any]:
    """How many defects the test set exposes and how many healthy systems fail it, each of how many."""
    failed = [one for one in tested if one.verdict == FAILS]
    healthy = sum(one.system.is_healthy for one in tested)
    alarms = sum(one.system.is_healthy for one in failed)
    return {"exposed": [len(failed) - alarms, len(tested) - healthy], "alarms": [alarms, healthy]}


def _shown(tested: Tested) -> dict[str, Any]:
    """What a learner sees of a practice system: its defect, its verdict, and its answer to each row."""
    return {
        "id": tested.system.id,
        "defect": tested.system.defect,
        "right": tested.right,
        "verdict": tested.verdict,
        "answers": list(tested.answers),
    }


def _row(tested: Tested, rows: int) -> GradedSample:
    """What is stored of a system that is no practice system, for staff alone."""
    is_right = tested.verdict == tested.system.target
    return GradedSample(
        tested.system.id, f"{tested.verdict}: {tested.right} of {rows} right", float(is_right), is_right
    )
