"""Label scoring and greedy JSON side by side: ours and the peers, on the same checkpoint, rows and threads.

`python -m benchmarks.inference [--shapes P/S/N/L,...] [--output label|json] [--dtype float32,bfloat16]`: P tokens of
shared prompt, S tokens a row, N rows, L labels (`6x2`: six labels of two tokens each). Every figure is compared with
the oracle, plain transformers in fp32, on the first rows; a peer that cannot run is a row that says why.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks import allocator, catalogue, child, measurement, options, oracle, ours, shapes, venvs
from benchmarks.catalogue import Peer
from benchmarks.items import ITEMS, MODEL, NEW_TOKENS, rows
from benchmarks.measurement import Measurement
from benchmarks.peers.job import BFLOAT16, FLOAT32, JSON, LABEL, Job, Row, shared
from benchmarks.shapes import Shape
from graders.base import Generate, Score
from workers.engine import models, places

BATCH = 8
WARM_ROWS = 8
WARM_PROMPT = 64


@dataclass(frozen=True)
class Work:
    """One shape: what is asked, the same as token ids, and the oracle's answers to the first rows."""

    shape: Shape
    output: str
    item: Score | Generate
    warm: Score | Generate
    rows: list[Row]
    warm_rows: list[Row]
    truth: list[Any]


@dataclass(frozen=True)
class Figure:
    """Somebody's seconds for all rows, and how far their answers are from the oracle's."""

    seconds: float
    difference: float | None
    agree: float


def prepare(base: models.Base, plain: Any, shape: Shape, output: str, oracle_rows: int) -> Work:
    """The oracle's answers are token ids for texts, log-probabilities for labels."""
    smaller = Shape(
        min(shape.prompt, WARM_PROMPT), shape.suffix, min(shape.rows, WARM_ROWS), shape.labels, shape.label_tokens
    )
    item, warm = ITEMS[output](base, shape), ITEMS[output](base, smaller, warm=True)
    made = rows(base, item)
    first = made[: max(oracle_rows, oracle.ROWS)]
    started = time.perf_counter()
    truth = _truth(plain, base, first, output)
    print(f"oracle: {len(first)} rows of {shape}, {output}, in {time.perf_counter() - started:.1f} s", flush=True)
    return Work(shape, output, item, warm, made, rows(base, warm), truth)


def _truth(plain: Any, base: models.Base, first: Sequence[Row], output: str) -> list[Any]:
    if output == LABEL:
        return oracle.label_logprobs(plain, first)
    return oracle.greedy(plain, first, base.eos, NEW_TOKENS)


def figure(base: models.Base, work: Work, seconds: float, answers: Sequence[Any]) -> Figure:
    """`answers` in the oracle's form, or texts."""
    if work.output == LABEL:
        difference = float(f"{measurement.largest_difference(answers, work.truth):.1e}")
        agree = measurement.equal_share(measurement.best(answers), measurement.best(work.truth))
        return Figure(seconds, difference, round(agree, 3))
    texts = [answer if isinstance(answer, str) else base.decode(answer) for answer in answers]
    truth = [base.decode(ids) for ids in work.truth]
    return Figure(seconds, None, round(measurement.equal_share(texts, truth), 3))


def our_figure(base: models.Base, work: Work, dtype: str) -> Figure:
    found = ours.answer(base, work.item, work.warm, dtype)
    return figure(base, work, found.seconds, found.answers)


def job(peer: Peer, work: Work, base: models.Base, dtype: str, given: argparse.Namespace) -> Job:
    limit = {"rows": given.rows_timed, "batches": given.batched_rows_timed}.get(peer.timing, len(work.rows))
    own = places.data_dir() / "peers" / "converted" / peer.name
    own.mkdir(parents=True, exist_ok=True)
    return Job(
        checkpoint=str(_folder()),
        folder=str(own),
        digest=base.digest,
        dtype=dtype,
        threads=given.threads,
        output=work.output,
        rows=work.rows[:limit],
        warm=work.warm_rows,
        shared=shared(work.rows),
        eos=base.eos,
        new_tokens=NEW_TOKENS,
        batch=BATCH,
    )


def measure(
    peer: Peer, work: Work, base: models.Base, mine: Figure, dtype: str, given: argparse.Namespace
) -> Measurement:
    wanted = job(peer, work, base, dtype, given)
    facts: dict[str, Any] = {"version": venvs.ENVIRONMENTS[peer.environment].packages[0].rpartition("==")[2]}
    try:
        found = child.run(child.interpreter(peer.environment), peer.module, wanted)
        seconds = found["seconds"] * len(work.rows) / len(wanted.rows)
        theirs: Figure | str = figure(base, work, seconds, found["answers"])
        facts = {key: found[key] for key in ("version", "dtype", "note")}
    except child.PeerFailed as error:
        theirs = str(error)
    problem = theirs if isinstance(theirs, str) else ""
    return _row(peer, work, mine, theirs, len(wanted.rows), {"dtype": dtype, **facts, "problem": problem}, given)


def _row(
    peer: Peer,
    work: Work,
    mine: Figure,
    theirs: Figure | str,
    timed: int,
    facts: dict[str, Any],
    given: argparse.Namespace,
) -> Measurement:
    right = theirs if isinstance(theirs, Figure) else None
    return Measurement(
        peer=peer.name,
        shape=str(work.shape),
        output=work.output,
        threads=given.threads,
        ours_s=round(mine.seconds, 3),
        peer_s=right and round(right.seconds, 3),
        ratio=measurement.ratio(mine.seconds, right and right.seconds),
        max_abs_diff=mine.difference,
        agree=mine.agree,
        peer_max_abs_diff=right and right.difference,
        peer_agree=right and right.agree,
        rows=len(work.rows),
        timed_rows=timed if right else 0,
        oracle_rows=len(work.truth),
        machine=measurement.machine(),
        **facts,
    )


def run(given: argparse.Namespace) -> Iterator[Measurement]:
    """One row for each shape, dtype and peer, as they come."""
    torch.set_num_threads(given.threads)
    plain, base = oracle.load(_folder()), models.load(_folder())
    works = [prepare(base, plain, shape, given.output, given.oracle_rows) for shape in given.shapes]
    del plain
    for dtype in given.dtype:
        for work in works:
            mine = our_figure(base, work, dtype)
            for peer in given.peers:
                yield measure(peer, work, base, mine, dtype, given)


def _folder() -> Path:
    return places.models_dir() / MODEL


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    form = "P/S/N/L, comma-separated; L may be 6x2"
    parser = options.parser(__doc__, catalogue.INFERENCE, "1000/60/200/5", form)
    parser.add_argument("--dtype", default=f"{FLOAT32},{BFLOAT16}", help="comma-separated")
    parser.add_argument("--output", choices=(LABEL, JSON), default=LABEL)
    parser.add_argument("--rows-timed", type=int, default=20, help="of a peer that goes row by row; scaled to all")
    parser.add_argument("--batched-rows-timed", type=int, default=64, help="of a batched peer that shares no prompt")
    parser.add_argument(
        "--oracle-rows", type=int, default=oracle.ROWS, help=f"compared with it, at least {oracle.ROWS}"
    )
    return options.read(parser, argv, catalogue.INFERENCE, {"shapes": shapes.shape, "dtype": _dtype})


def _dtype(name: str) -> str:
    if name not in (FLOAT32, BFLOAT16):
        raise ValueError(f"no dtype {name!r}: {FLOAT32}, {BFLOAT16}")
    return name


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    options.report(run(given), given.json)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
