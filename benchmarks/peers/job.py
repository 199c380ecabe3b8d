"""The work file that a peer reads and the result file that it writes. Standard library only.

Whatever a peer does before the clock starts (imports, loading, conversion, warm-up on other rows) is not timed.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

LABEL, JSON = "label", "json"
FLOAT32, BFLOAT16 = "float32", "bfloat16"


class Unable(Exception):
    """The peer cannot do this work; the text says why. A row of the benchmark then says so."""


@dataclass(frozen=True)
class Row:
    """Token ids of the whole context, and of each label after it; the same as texts."""

    context: list[int]
    labels: list[list[int]] = field(default_factory=list)
    text: str = ""
    label_texts: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Job:
    """Answers to give: log-probabilities of labels, or `new_tokens` greedy tokens.

    `warm` are rows with another prompt. `shared` is the number of tokens that begin every row, `folder` is the peer's
    own, kept from run to run (converted models), `digest` names the checkpoint's weights,
    `options` are what the catalogue gives this peer.
    """

    checkpoint: str
    folder: str
    digest: str
    dtype: str
    threads: int
    output: str
    rows: list[Row]
    warm: list[Row]
    shared: int
    eos: int
    device: str = "cpu"
    new_tokens: int = 40
    batch: int = 8
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def longest(self) -> int:
        """Tokens of the longest row, its answer counted."""
        return max(len(row.context) + max([self.new_tokens, *map(len, row.labels)]) for row in [*self.rows, *self.warm])

    def want(self, *, outputs: Sequence[str] = (LABEL, JSON), dtypes: Sequence[str] = (FLOAT32, BFLOAT16)) -> None:
        """Raises `Unable` for what the peer does not offer."""
        if self.output not in outputs:
            raise Unable(f"does not do {self.output} output")
        if self.dtype not in dtypes:
            raise Unable(f"does not run in {self.dtype}")


@dataclass(frozen=True)
class Result:
    """`answers` per row: label log-probabilities (nats), or new token ids without the end of text."""

    seconds: float
    answers: list[Any]
    version: str
    dtype: str
    note: str = ""


@dataclass(frozen=True)
class TrainJob:
    """LoRA on `[prompt, completion]` rows. `max_steps` of -1 trains all epochs; `out` is where the adapter goes.

    `dtype` is that of the frozen base where the peer is set up (`tuned`): the faster one of this machine.
    """

    checkpoint: str
    out: str
    threads: int
    tuned: bool
    dtype: str
    rows: list[list[str]]
    r: int
    alpha: int
    rate: float
    epochs: int
    batch: int
    seed: int
    max_steps: int = -1
    device: str = "cpu"


@dataclass(frozen=True)
class MethodJob:
    """`steps` of a training method, each on all `rows`: `[prompt, completion]`, or `[prompt, chosen, rejected]`."""

    checkpoint: str
    out: str
    threads: int
    method: str
    rows: list[list[str]]
    r: int
    alpha: int
    rate: float
    steps: int
    seed: int
    beta: float
    rpo_alpha: float


Answers = Callable[[list[Row]], list[Any]]
"""Gives the answers of rows, in their order."""


def timed(job: Job, answer: Answers, version: str, note: str = "") -> Result:
    """Warms up on other rows, then takes the time."""
    answer(job.warm)
    started = time.perf_counter()
    answers = answer(job.rows)
    return Result(time.perf_counter() - started, answers, version, job.dtype, note)


def shared(rows: Sequence[Row]) -> int:
    """Number of tokens that begin every row, each row's last one left out."""
    contexts = [row.context for row in rows]
    return min(common(contexts), min(map(len, contexts)) - 1)


def common(sequences: Sequence[list[int]]) -> int:
    """Length of the longest common beginning."""
    low, high = min(sequences), max(sequences)
    pairs = enumerate(zip(low, high, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(low), len(high)))


def cut(tokens: Sequence[int], eos: int, limit: int) -> list[int]:
    """Up to the end of text, at most `limit`."""
    said = list(tokens)[:limit]
    return said[: said.index(eos)] if eos in said else said


def write(file: Path, job: Any) -> None:
    file.write_text(json.dumps(asdict(job)))


def read(file: Path) -> Job:
    data = json.loads(file.read_text())
    rows = {name: [Row(**row) for row in data.pop(name)] for name in ("rows", "warm")}
    return Job(**data, **rows)


def serve(run: Callable[[Job], Result]) -> None:
    """The whole life of a peer's process: argv names the work file and the result file."""
    finish(lambda work: run(read(work)))


def finish(run: Callable[[Path], Any]) -> None:
    """Writes what `run` returns, or why it cannot."""
    work, result = (Path(name) for name in sys.argv[1:3])
    try:
        found = asdict(run(work))
    except Unable as reason:
        found = {"problem": str(reason)}
    result.write_text(json.dumps(found))
