"""One shape as work: what is asked, the same as token ids, and the oracle's answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.figures import measurement
from benchmarks.peers.job import LABEL, Row
from benchmarks.work import oracle
from benchmarks.work.items import ITEMS, NEW_TOKENS, rows
from benchmarks.work.shapes import Shape
from graders.base import Generate, Score
from workers.engine import model_files
from workers.engine.models import Base

WARM_ROWS = 8
WARM_PROMPT = 64


@dataclass(frozen=True)
class Work:
    """One shape: what is asked, the same as token ids, and the oracle's answers to the first rows."""

    shape: Shape
    item: Score | Generate
    warm: Score | Generate
    rows: list[Row]
    warm_rows: list[Row]
    truth: list[Any]

    @property
    def output(self) -> str:
        return self.shape.output


@dataclass(frozen=True)
class Figure:
    """Somebody's seconds for all rows, and how far their answers are from the oracle's."""

    seconds: float
    difference: float | None
    agree: float


class Oracle:
    """Its answers to the first rows, kept from call to call: they depend on weights and tokens alone."""

    def __init__(self, folder: Path, rows: int = oracle.ROWS, kept: Path | None = None, device: str = "cpu") -> None:
        self.folder, self.device = folder, device
        self.count = max(rows, oracle.ROWS)
        self.kept = kept or model_files.data_dir() / "oracle"

    @cached_property
    def model(self) -> Any:
        return oracle.load(self.folder, self.device)

    def answers(self, base: Base, made: Sequence[Row], output: str) -> list[Any]:
        """Token ids for texts, log-probabilities for labels."""
        first = list(made[: self.count])
        file = self.kept / f"{self._name(base, first, output)}.json"
        if not file.is_file():
            started = time.perf_counter()
            found = self._ask(base, first, output)
            self.kept.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(found))
            print(f"oracle: {len(first)} rows, {output}, in {time.perf_counter() - started:.1f} s", flush=True)
        answers: list[Any] = json.loads(file.read_text())
        return answers

    def _ask(self, base: Base, first: list[Row], output: str) -> list[Any]:
        if output == LABEL:
            return oracle.label_logprobs(self.model, first)
        return oracle.greedy(self.model, first, base.eos, NEW_TOKENS)

    def _name(self, base: Base, first: list[Row], output: str) -> str:
        """Another release of the library, or another oracle, is asked anew."""
        code = Path(oracle.__file__).read_text()
        facts = [base.digest, output, NEW_TOKENS, code, *map(version, ("torch", "transformers")), *map(asdict, first)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]


def prepare(base: Base, truth: Oracle, shape: Shape) -> Work:
    item, warm = items(base, shape)
    made = rows(base, item)
    return Work(shape, item, warm, made, rows(base, warm), truth.answers(base, made, shape.output))


def items(base: Base, shape: Shape) -> tuple[Score | Generate, Score | Generate]:
    """The work, and what everybody warms up on: other rows with another prompt."""
    smaller = Shape(
        min(shape.prompt, WARM_PROMPT), shape.suffix, min(shape.rows, WARM_ROWS), shape.labels, shape.label_tokens
    )
    make = ITEMS[shape.output]
    return make(base, shape), make(base, smaller, warm=True)


def figure(base: Base, work: Work, seconds: float, answers: Sequence[Any]) -> Figure:
    """`answers` in the oracle's form, or texts."""
    if work.output == LABEL:
        difference = float(f"{measurement.largest_difference(answers, work.truth):.1e}")
        agree = measurement.equal_share(measurement.best(answers), measurement.best(work.truth))
        return Figure(seconds, difference, round(agree, 3))
    texts = [answer if isinstance(answer, str) else base.decode(answer) for answer in answers]
    truth = [base.decode(ids) for ids in work.truth]
    return Figure(seconds, None, round(measurement.equal_share(texts, truth), 3))
