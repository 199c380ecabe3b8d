"""Training methods beside TRL, step by step: `python -m benchmarks.lora --methods lora,qlora,full,dpo`.

Both sides train on the same eight rows in each step, from the same first adapter, and tell their losses and margins. No
times are taken. A method agrees where the mean of its losses, and for `dpo` that of its margins, is within 1 %.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks import child, venvs
from benchmarks.peers.job import MethodJob
from benchmarks.work.items import MODEL, train_item
from benchmarks.work.shapes import TrainShape
from challenges.training_methods import METHODS
from graders.base import Train
from workers.engine import models
from workers.engine.session import Session
from workers.engine.watch import Watch

WITHIN = 0.01
ROWS, TOKENS, STEPS = 8, 60, 4
RATES = {"lora": 1e-3, "qlora": 1e-3, "full": 5e-5, "dpo": 2e-4}
BETA, RPO_ALPHA = 0.1, 0.5


@dataclass(frozen=True)
class Side:
    losses: Sequence[float]
    margins: Sequence[float]


def compare(base: models.Base, given: argparse.Namespace) -> Iterator[str]:
    """A line for each method and seed."""
    for method in given.methods:
        for seed in given.seeds:
            item = items(base, method, seed)
            try:
                yield line(item, ours(item, given), peer(item, given))
            except (child.PeerFailed, venvs.NotInstalled) as error:
                yield f"{method}, seed {seed}: not compared: {error}"


def items(base: models.Base, method: str, seed: int) -> Train:
    """Each step trains on all rows. A rejected answer is that of another row."""
    made = train_item(base, TrainShape(ROWS, TOKENS, STEPS), seed)
    rows: Any = made.rows
    if method == "dpo":
        rows = tuple((*row, other[1]) for row, other in zip(rows, (*rows[1:], rows[0]), strict=True))
    return replace(
        made,
        method=method,
        rows=rows,
        valid=(),
        learning_rate=RATES[method],
        per_device_train_batch_size=ROWS,
        row_tokens_max=2 * TOKENS,
        beta=BETA,
        rpo_alpha=RPO_ALPHA,
    )


def ours(item: Train, given: argparse.Namespace) -> Side:
    events: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
        Session(given.models_dir, Path(folder)).run(item, Watch(events.append))
    told = [event for event in events if event["type"] == "loss"]
    return Side([event["train_loss"] for event in told], [event["margin"] for event in told if "margin" in event])


def peer(item: Train, given: argparse.Namespace) -> Side:
    with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
        work = MethodJob(
            checkpoint=str(given.models_dir / MODEL),
            out=f"{folder}/out",
            threads=given.threads,
            method=item.method,
            rows=[list(row) for row in item.rows],
            r=item.r,
            alpha=item.lora_alpha,
            rate=item.learning_rate,
            steps=item.num_train_epochs,
            seed=item.seed,
            beta=item.beta,
            rpo_alpha=item.rpo_alpha,
        )
        found = child.run(child.interpreter("trl"), "benchmarks.peers.trl_methods", work)
    return Side(found["losses"], found["margins"])


def line(item: Train, mine: Side, other: Side) -> str:
    """A line with the mean of each side and whether the two agree."""
    gaps = [_gap(mine.losses, other.losses), *([_gap(mine.margins, other.margins)] if mine.margins else [])]
    said = "agrees" if all(abs(gap) <= WITHIN for gap in gaps) else "DIFFERS"
    told = f"losses {_means(mine.losses, other.losses)} ({gaps[0]:+.3%})"
    if mine.margins:
        told += f", margins {_means(mine.margins, other.margins)} ({gaps[1]:+.3%})"
    return f"{item.method}, seed {item.seed}, {len(mine.losses)} steps: {said}; {told}"


def _gap(mine: Sequence[float], other: Sequence[float]) -> float:
    return fmean(mine) / fmean(other) - 1 if len(mine) == len(other) and fmean(other) else float("inf")


def _means(mine: Sequence[float], other: Sequence[float]) -> str:
    return f"ours {fmean(mine):.5f}, TRL's {fmean(other):.5f}"


def read(given: argparse.Namespace) -> list[str]:
    """The methods of the command line. Raises `ValueError` for one that there is not."""
    names = [name.strip() for name in given.methods.split(",") if name.strip()]
    if not names or set(names) - METHODS.keys():
        raise ValueError(f"--methods: some of {', '.join(METHODS)}")
    return names
