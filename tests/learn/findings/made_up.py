"""A lesson with findings whose numbers are made up, for tests: they say nothing about any model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.findings.digest import finding_digest
from challenges.findings.spec import Finding, Records
from challenges.reading import read_course
from gradus.courses.models import Course, Lesson
from gradus.courses.services import publish
from tests.challenges import factory

SETS = {"count": 5, "per_label": 1, "seed": 17}
FEW = {
    "id": "few-shot",
    "title": "Examples help a little",
    "statement": "Few-shot reaches {sea-or-sky.few.score}, {1.effect} above zero-shot.",
    "limits": "One model, and words about the sea.",
    "experiments": [
        {
            "challenge": "sea-or-sky",
            "arms": [
                {"id": "zero", "title": "No examples", "files": ["baselines/weak.yaml"]},
                {"id": "few", "title": "Two examples", "files": ["baselines/good.yaml"], "example_sets": SETS},
                {"id": "lora", "title": "LoRA", "files": ["baselines/lora.yaml"], "seeds": [17, 18, 19]},
            ],
        }
    ],
    "claims": [
        {"arms": ["few", "zero"], "varies": "examples", "found": "higher"},
        {"arms": ["lora", "few"], "varies": "method", "found": "higher", "best": True},
    ],
}
ORDERS = [(0, 1), (1, 0)]
ORDER = {
    "id": "order",
    "title": "The order of examples moves the score",
    "statement": "The orders lie {1.effect} apart.",
    "limits": "Two orders.",
    "experiments": [
        {
            "challenge": "sea-or-sky",
            "arms": [
                {
                    "id": f"order-{n}",
                    "title": f"Order {n}",
                    "files": ["baselines/good.yaml"],
                    "example_sets": SETS,
                    "order": list(order),
                }
                for n, order in enumerate(ORDERS, 1)
            ],
        }
    ],
    "claims": [{"arms": ["order-1", "order-2"], "varies": "order", "found": "spread"}],
}


def arm(id: str, values: list[float], public: list[float] | None = None, name: str = "set {}") -> dict[str, Any]:
    """An arm's record from its scores."""
    runs = [
        {"name": name.format(n), "values": {"score": value}, "public": {"score": public[n - 1]} if public else {}}
        for n, value in enumerate(values, 1)
    ]
    return {"id": id, "runs": runs, "mean": {"score": sum(values) / len(values)}, "sd": {"score": 0.05}}


def claim(effect: float, low: float, high: float, found: str = "higher", holds: bool = True) -> dict[str, Any]:
    return {"effect": effect, "low": low, "high": high, "p": 0.01, "found": found, "holds": holds}


def record(arms: list[dict[str, Any]], claims: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """A finding's record of one experiment on `sea-or-sky`."""
    return {
        "digest": "d" * 64,
        "machine": "Abacus, 2 cores",
        "day": "2026-11-27",
        "experiments": [{"challenge": "sea-or-sky", "rows": 240, "arms": arms, "claims": claims}],
        **changes,
    }


def few_record(**changes: Any) -> dict[str, Any]:
    arms = [
        arm("zero", [0.521], [0.50], "weak"),
        arm("few", [0.736, 0.618, 0.625, 0.61, 0.66], [0.75, 0.60, 0.61, 0.60, 0.65]),
        arm("lora", [0.879, 0.881, 0.9], [0.90, 0.91, 0.90], "seed {}"),
    ]
    return record(arms, [claim(0.129, 0.041, 0.214), claim(0.151, 0.102, 0.199)], **changes)


def parts(bundle: LessonBundle) -> dict[str, Any]:
    """Both findings, of which only the first was measured, for a lesson that was read without any."""
    submissions = [(one.challenge.id, baseline) for one in bundle.challenges for baseline in one.baselines]
    return {
        "findings": tuple(map(Finding.model_validate, [FEW, ORDER])),
        "records": Records.model_validate({"findings": {"few-shot": few_record()}}),
        "arms": {(challenge, baseline.ref.file): baseline.payload for challenge, baseline in submissions},
    }


def bundle(folder: Path, findings: list[dict[str, Any]], records: dict[str, Any], text: str = "") -> CourseBundle:
    """The tiny course with these findings, read from files as an import reads it."""
    root = factory.write_course(folder)
    # Copied, because YAML writes a list that stands twice as an alias, which bundles do not take.
    factory.write_yaml(root / "first/findings.yaml", json.loads(json.dumps({"schema": 1, "findings": findings})))
    factory.write_text(root / "first/findings.json", json.dumps({"schema": 1, "findings": records}))
    if text:
        factory.write_text(root / "first/lesson.md", text)
    return read_course(root)


def digest_of(bundle: CourseBundle) -> str:
    """The digest of the first finding, which its record has while it is fresh."""
    lesson = bundle.lessons[0]
    return finding_digest(lesson.findings[0], {one.challenge.id: one for one in lesson.challenges}, lesson.arms)


def course(folder: Path, findings: list[dict[str, Any]], records: dict[str, Any], text: str = "") -> Course:
    """Published."""
    return publish(bundle(folder, findings, records, text))


def lesson(folder: Path) -> Lesson:
    """The lesson with both findings, of which only the first was measured, and stands where its marker stands."""
    text = "# First\n\n## What it is\n\nSome text.\n\n<!-- finding: few-shot -->\n\nMore text.\n"
    found: Lesson = course(folder, [FEW, ORDER], {"few-shot": few_record()}, text).lessons.get()
    return found
