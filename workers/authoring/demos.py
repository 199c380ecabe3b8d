"""Trains the adapter of a lesson's demo, fits its temperature, and asks the model about the author's example inputs.

Only public rows are read; hidden rows are used neither for training nor for fitting.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from challenges import payloads
from challenges.bundle import ChallengeBundle
from challenges.course_bundle import LessonBundle
from challenges.files.rows import read_train
from challenges.files.yaml_lines import read
from challenges.kinds import registry as kinds
from challenges.kinds.prompt import KIND as PROMPT
from challenges.lesson.demo import FEW, TUNED, ZERO, DemoRecord, PanelRecord
from challenges.lesson.spec import Demo
from challenges.models import tokens
from challenges.reading import ADAPTER_FILES, demo_names
from graders.base import Assignment, Grade
from graders.registry import grade
from workers.authoring import baselines, measured
from workers.execute import Running, execute
from workers.sandbox import launch

SECONDS = 3600.0
OnEvent = Callable[[dict[str, Any]], None]
Shares = dict[str, float]


class NoDemo(Exception):
    """The lesson has no demo, or its challenge has no LoRA baseline to train."""


def of(lesson: LessonBundle) -> tuple[Demo, ChallengeBundle]:
    """The demo of a lesson and the challenge that it uses. Raises `NoDemo`."""
    if lesson.lesson.demo is None:
        raise NoDemo("the lesson has no demo")
    demo = lesson.lesson.demo
    return demo, next(bundle for bundle in lesson.challenges if bundle.challenge.id == demo.challenge)


def train(lesson: LessonBundle, folder: Path, runner: Running, on_event: OnEvent) -> None:
    """Trains an adapter on the rows of the challenge's first LoRA baseline and of the demo, and replaces the old one.

    `folder` is the folder of the lesson. It takes minutes. Raises `NoDemo`, and what the runner raises.
    """
    demo, challenge = of(lesson)
    payload = next((b.payload for b in challenge.baselines if kinds.find(b.payload.kind).is_trained), None)
    if payload is None:
        raise NoDemo(f"{demo.challenge} has no LoRA baseline")
    extra = read_train((folder / demo.extra_rows).read_bytes())[0] if demo.extra_rows else []
    field = kinds.find(payload.kind).rows_field
    payload = payload.model_copy(update={field: (*getattr(payload, field), *extra)})
    # `hidden` asks for a complete training run; the trained model is asked about public inputs only.
    asked = tuple(sample.input for sample in challenge.public)
    grade = _graded(Assignment(challenge, payload, hidden=True, inputs=asked), runner, on_event)
    baselines.keep(Path(str(grade.adapter_files)), folder / demo.adapter)


def temperature(lesson: LessonBundle, runner: Running) -> float:
    """The best temperature for the adapter's probabilities on the public rows, which it was not trained on."""
    _, challenge = of(lesson)
    shares = ask(lesson, [sample.input for sample in challenge.public], runner, panels=(TUNED,))[TUNED]
    return fitted([(row, str(sample.target)) for row, sample in zip(shares, challenge.public, strict=True)])


def ask(
    lesson: LessonBundle, inputs: Sequence[str], runner: Running, *, panels: Sequence[str] = (ZERO, FEW, TUNED)
) -> dict[str, list[Shares]]:
    """For each panel of the demo, the probability of each label for each input, without a temperature."""
    grades = _asked(lesson, inputs, runner, panels)
    return {panel: [row.probabilities for row in graded.public] for panel, graded in grades}


def record(lesson: LessonBundle, runner: Running) -> DemoRecord:
    """What each panel answers to the first chip."""
    demo, challenge = of(lesson)
    split = tokens.splitter(challenge.challenge.model)
    asked = list(_asked(lesson, demo.chips[:1], runner, (ZERO, FEW, TUNED)))
    return DemoRecord(
        digest=digest(lesson),
        input=demo.chips[0],
        reads=tuple(split(demo.chips[0])) if split else (demo.chips[0],),
        machine=measured.machine(),
        panels={
            panel: PanelRecord(tokens=graded.cost["prompt_tokens"], probabilities=graded.public[0].probabilities)
            for panel, graded in asked
        },
    )


def digest(lesson: LessonBundle) -> str:
    """Changes with all that decides the recorded answers: the text, both prompts, the adapter and the challenge."""
    demo, challenge = of(lesson)
    content = hashlib.sha256(f"{demo.chips[0]}\n{challenge.challenge.model}\n".encode())
    for name in demo_names(demo):
        content.update(lesson.files[name])
    content.update(repr((challenge.challenge.answer, challenge.challenge.prompt)).encode())
    return content.hexdigest()


def _asked(
    lesson: LessonBundle, inputs: Sequence[str], runner: Running, panels: Sequence[str]
) -> Iterator[tuple[str, Grade]]:
    demo, challenge = of(lesson)
    prompts = {ZERO: demo.zero_shot, FEW: demo.few_shot}
    with _adapter(lesson, demo) as adapter:
        for panel in panels:
            file = lesson.files[prompts[panel]].decode("utf-8-sig") if panel in prompts else f"kind: {PROMPT.name}"
            data = read(file).data
            assignment = Assignment(challenge, payloads.parse(data), hidden=False, inputs=tuple(inputs))
            yield panel, _graded(replace(assignment, adapter=adapter if panel == TUNED else None), runner, _silent)


def fitted(rows: Sequence[tuple[Mapping[str, float], str]]) -> float:
    """The temperature in [0.5, 5], in steps of 0.05, with the lowest loss (Guo et al. 2017, arXiv 1706.04599).

    `rows` holds pairs of the labels' probabilities and the right label.
    """
    return min((step / 20 for step in range(10, 101)), key=lambda t: _nll(rows, t))


def _nll(rows: Sequence[tuple[Mapping[str, float], str]], t: float) -> float:
    """The mean negative log-likelihood of the right labels, in nats. Probabilities are rounded, so 0 counts as 1e-4."""
    total = 0.0
    for shares, target in rows:
        powers = {label: max(share, 1e-4) ** (1 / t) for label, share in shares.items()}
        total -= math.log(powers[target] / sum(powers.values()))
    return total / len(rows)


@contextmanager
def _adapter(lesson: LessonBundle, demo: Demo) -> Iterator[str]:
    """Yields a folder with the adapter's files that the runner, which may be another user, can read."""
    with tempfile.TemporaryDirectory(prefix="adapter-", dir=launch.given_folder()) as name:
        folder = Path(name)
        folder.chmod(0o755)
        for file in ADAPTER_FILES:
            (folder / file).write_bytes(lesson.files[f"{demo.adapter}/{file}"])
            (folder / file).chmod(0o644)
        yield name


def _graded(assignment: Assignment, runner: Running, on_event: OnEvent) -> Grade:
    return execute(grade(assignment), runner, None, on_event, lambda: False, SECONDS)


def _silent(event: dict[str, Any]) -> None:
    pass
