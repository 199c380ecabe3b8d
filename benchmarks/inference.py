"""Label scoring and greedy JSON side by side: ours and the peers, on the same checkpoint, rows and threads.

`python -m benchmarks.inference [--shapes P/S/N/L,...] [--output label|json] [--dtype float32,bfloat16]`: P tokens of
shared prompt, S tokens a row, N rows, L labels (`6x2`: six labels of two tokens each); `asked/N` are all shapes of the
headline. Every figure is compared with the oracle, plain transformers in fp32, on the first rows; a peer that cannot
run is a row that says why. With `--json FILE --resume --minutes M` many short calls fill one file, with `--rounds N`
both are timed N times in turn.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import allocator, catalogue, child, measurement, options, oracle, ours, shapes, venvs
from benchmarks.catalogue import Peer
from benchmarks.items import MODEL, NEW_TOKENS
from benchmarks.measurement import Measurement
from benchmarks.peers.job import BFLOAT16, FLOAT32, JSON, LABEL, Job, shared
from benchmarks.record import Record, engine_digest
from benchmarks.shapes import Shape
from benchmarks.works import WARM_PROMPT, Figure, Oracle, Work, figure, items, prepare
from workers.engine import places
from workers.engine.models import Base

BATCH = 8
FEWEST_ROWS = 4


def our_figure(base: Base, work: Work, dtype: str, threads: int, models_dir: Path) -> Figure:
    found = ours.answer(models_dir, work.item, work.warm, dtype, threads)
    return figure(base, work, found.seconds, found.answers)


def timed_rows(peer: Peer, work: Work, given: argparse.Namespace) -> int:
    """All of a peer that shares the prompt; else at most so many rows, and fewer long ones: whole batches, or four."""
    whole = len(work.rows)
    if peer.timing == "all":
        return whole
    most, step = (given.rows_timed, 1) if peer.timing == "rows" else (given.batched_rows_timed, BATCH)
    each = max(len(row.context) * max(1, len({tuple(label[:-1]) for label in row.labels})) for row in work.rows)
    fitting = min(most, max(FEWEST_ROWS, given.tokens_timed // each))
    return min(whole, max(step, fitting // step * step))


def job(peer: Peer, work: Work, base: Base, dtype: str, given: argparse.Namespace) -> Job:
    own = places.data_dir() / "peers" / "converted" / peer.name
    own.mkdir(parents=True, exist_ok=True)
    return Job(
        checkpoint=str(_folder()),
        folder=str(own),
        digest=base.digest,
        dtype=dtype,
        threads=given.threads,
        output=work.output,
        rows=work.rows[: timed_rows(peer, work, given)],
        warm=work.warm_rows,
        shared=shared(work.rows),
        eos=base.eos,
        new_tokens=NEW_TOKENS,
        batch=BATCH,
        options=dict(peer.options),
    )


def middle(rounds: Sequence[Figure]) -> Figure:
    """The median of the seconds, and the worst answers."""
    differences = [one.difference for one in rounds if one.difference is not None]
    seconds = statistics.median(one.seconds for one in rounds)
    return Figure(seconds, max(differences, default=None), min(one.agree for one in rounds))


def told(mine: Sequence[Figure], theirs: Sequence[Figure]) -> str:
    """All rounds, for people."""
    ours_, peers = (", ".join(f"{one.seconds:.2f}" for one in rounds) for rounds in (mine, theirs))
    return f"medians of {len(mine)} rounds in turn: ours {ours_}; peer {peers}"


def measure(
    peer: Peer,
    work: Work,
    base: Base,
    first: Figure,
    again: Callable[[], Figure],
    dtype: str,
    note: str,
    given: argparse.Namespace,
) -> Measurement:
    """`first` is ours of the first round, `again` that of each further one: ours is timed just before the peer."""
    wanted = job(peer, work, base, dtype, given)
    mine, figures, rounds = [first], [], ""
    facts: dict[str, Any] = {"version": venvs.ENVIRONMENTS[peer.environment].packages[0].rpartition("==")[2]}
    try:
        for n in range(given.rounds):
            if n:
                mine.append(again())
            found = child.run(child.interpreter(peer.environment), peer.module, wanted)
            seconds = found["seconds"] * len(work.rows) / len(wanted.rows)
            figures.append(figure(base, work, seconds, found["answers"]))
        theirs: Figure | str = middle(figures)
        facts = {key: found[key] for key in ("version", "dtype", "note")}
        rounds = told(mine, figures) if given.rounds > 1 else ""
    except child.PeerFailed as error:
        theirs = str(error)
    facts["note"] = "; ".join(part for part in (facts.get("note", ""), note, rounds) if part)
    facts |= {"problem": theirs if isinstance(theirs, str) else "", "checkpoint": base.digest}
    return _row(peer, work, middle(mine), theirs, len(wanted.rows), {"dtype": dtype, **facts}, given)


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
        engine=engine_digest(),
        **facts,
    )


def run(given: argparse.Namespace) -> Iterator[Measurement]:
    """One row for each shape, dtype and peer, as they come. Ours is measured anew for each shape, dtype and call."""
    torch.set_num_threads(given.threads)
    base, truth = ours.session(places.models_dir(), FLOAT32).base(MODEL), Oracle(_folder(), given.oracle_rows)
    for shape in given.shapes:
        for dtype in given.dtype:
            peers = [peer for peer in given.peers if not has(given.record, peer, shape, dtype, base.digest, given)]
            if not peers:
                continue
            if given.record.over:
                return
            work = prepare(base, truth, shape, given.output)
            again = partial(our_figure, base, work, dtype, given.threads, places.models_dir())
            first, note = again(), computes(dtype, work.output)
            for peer in peers:
                if given.record.over:
                    return
                yield measure(peer, work, base, first, again, dtype, note, given)


def has(record: Record, peer: Peer, shape: Shape, dtype: str, digest: str, given: argparse.Namespace) -> bool:
    key = peer.name, given.output, str(shape), dtype, given.threads, measurement.machine()
    return record.has(key, digest, engine_digest())


@cache
def computes(dtype: str, output: str) -> str:
    """Says so where our engine does not compute in `dtype`, or not in it alone."""
    if dtype == FLOAT32:
        return ""
    session = ours.session(places.models_dir(), dtype)
    small = Shape(WARM_PROMPT, 20, 2, *((5, 1) if output == LABEL else (0, 1)))
    return ours.note(session, items(session.base(MODEL), small, output)[0], dtype)


def _folder() -> Path:
    return places.models_dir() / MODEL


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    form = "P/S/N/L, comma-separated; L may be 6x2; asked, or asked/N, for all"
    parser = options.parser(__doc__, catalogue.INFERENCE, "1000/60/200/5", form)
    parser.add_argument("--dtype", default=f"{FLOAT32},{BFLOAT16}", help="comma-separated")
    parser.add_argument("--output", choices=(LABEL, JSON), default=LABEL)
    parser.add_argument("--rounds", type=int, default=1, help="of ours and the peer in turn; medians are told")
    parser.add_argument("--rows-timed", type=int, default=20, help="of a peer that goes row by row; scaled to all")
    parser.add_argument("--batched-rows-timed", type=int, default=64, help="of a batched peer that shares no prompt")
    parser.add_argument("--tokens-timed", type=int, default=80_000, help="at most, of these two; at least one batch")
    parser.add_argument(
        "--oracle-rows", type=int, default=oracle.ROWS, help=f"compared with it, at least {oracle.ROWS}"
    )
    readers = {
        "shapes": lambda given: shapes.several(given.shapes, given.output),
        "dtype": lambda given: options.each(given.dtype, measurement.dtype),
        "rounds": lambda given: counted(given.rounds),
    }
    return options.read(parser, argv, catalogue.INFERENCE, readers)


def counted(rounds: int) -> int:
    """Raises `ValueError` where there is none."""
    if rounds < 1:
        raise ValueError(f"{rounds} rounds: at least one is needed")
    return rounds


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    options.report(run(given), given.record)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
