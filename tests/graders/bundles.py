"""Makes small bundles, and runs graders with prepared results for their work items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.rows import Sample
from challenges.spec import Challenge
from graders.base import Grade, Grading, WorkItem

LABELS = ["Dermatologist", "Neurologist", "Urologist"]
LABEL: dict[str, Any] = {"type": "label", "labels": LABELS}
JSON: dict[str, Any] = {
    "type": "json",
    "schema": {"category": ["billing", "bug"], "summary": "string"},
    "weights": {"category": 3},
}


def challenge(answer: dict[str, Any] = LABEL, **changes: Any) -> Challenge:
    base: dict[str, Any] = {
        "schema": 1,
        "id": "symptoms",
        "version": "1.0.0",
        "kind": "prompt",
        "title": "Symptoms",
        "model": "smollm2-135m-instruct",
        "answer": answer,
        "prompt": {"example": "Symptoms: {input}\nSpecialty: {output}"},
        "metric": {"name": "accuracy"},
        "pass": 0.6,
        "hints": ["a", "b", "c"],
        "baselines": [{"file": "baselines/a.yaml", "min": 0.6}, {"file": "baselines/b.yaml", "max": 0.5}],
    }
    return Challenge.model_validate(base | changes)


def bundle(spec: Challenge, public: list[Sample], hidden: list[Sample], **more: Any) -> ChallengeBundle:
    return ChallengeBundle(spec, "statement", "solution", tuple(public), tuple(hidden), **more)


def samples(targets: list[Any], prefix: str, split: str = "public") -> list[Sample]:
    return [
        Sample.model_validate({"id": f"{prefix}{n}", "input": f"{prefix} case {n}", "target": target, "split": split})
        for n, target in enumerate(targets)
    ]


def drive(grading: Grading, answer: Callable[[WorkItem], Any]) -> tuple[Grade, list[WorkItem]]:
    """Runs a grader to its end and returns the grade and the work items that it yielded."""
    items: list[WorkItem] = []
    try:
        item = next(grading)
        while True:
            items.append(item)
            item = grading.send(answer(item))
    except StopIteration as stop:
        grade: Grade = stop.value
        return grade, items
