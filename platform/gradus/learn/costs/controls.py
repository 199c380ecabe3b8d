"""The plain baseline among the approaches: the regressions on embeddings that the lesson's findings have measured.

It is no submission, so its numbers are those of the author's record: on the hidden rows, and on the author's machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean

from challenges.findings.controls import LINEAR, TITLES
from challenges.findings.spec import Arm, ArmRecord
from challenges.translation import translated
from gradus.courses.models import Challenge

APPROACH = LINEAR


def title() -> str:
    """What the approach is called, in the reader's language."""
    return translated(TITLES[LINEAR])


@dataclass(frozen=True)
class Regression:
    """`score` is the mean of its repetitions. The lists have one number for each repetition whose cost is known."""

    name: str
    score: float
    seconds: tuple[float, ...]
    ms: tuple[float, ...]
    bytes: float | None


def regressions_of(challenge: Challenge) -> list[Regression]:
    """Those on the content of the challenge that is published, each set of rows once."""
    lesson = challenge.lesson
    if challenge.version is None or challenge.version.digest != lesson.contents.get(challenge.name):
        return []
    found: dict[object, Regression] = {}
    for finding in lesson.parsed_findings:
        record = lesson.parsed_records.get(finding.id)
        for experiment in record.experiments if record and finding.rows == "hidden" else ():
            if experiment.challenge == challenge.name:
                declared = {arm.id: arm for one in finding.experiments for arm in one.arms}
                for arm, recorded in _pairs(declared, experiment.arms):
                    found.setdefault((arm.files, arm.example_sets), _regression(arm, recorded))
    return list(found.values())


def _pairs(declared: dict[str, Arm], recorded: tuple[ArmRecord, ...]) -> Iterator[tuple[Arm, ArmRecord]]:
    for one in recorded:
        arm = declared.get(one.id)
        if arm is not None and arm.control == LINEAR and "score" in one.mean:
            yield arm, one


def _regression(arm: Arm, recorded: ArmRecord) -> Regression:
    costs = [run.cost for run in recorded.runs]
    sizes = [cost["bytes"] for cost in costs if "bytes" in cost]
    return Regression(
        name=arm.title,
        score=recorded.mean["score"],
        seconds=tuple(cost["training_seconds"] for cost in costs if "training_seconds" in cost),
        ms=tuple(cost["ms"] for cost in costs if "ms" in cost),
        bytes=fmean(sizes) if sizes else None,
    )
