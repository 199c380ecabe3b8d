"""Label scoring and greedy JSON side by side: ours and the peers, on the same checkpoint, rows and threads.

`python -m benchmarks.inference [--shapes P/S/N/L,...] [--dtype float32,bfloat16] [--peers fastest|all|NAME,...]`:
P tokens of shared prompt, S tokens a row, N rows, L labels (`6x2`: six labels of two tokens each; 0: JSON). Every
figure is compared with the oracle, plain transformers in fp32, on the first rows; a peer that cannot run is a row that
says why. With `--rounds N` both are timed N times in turn.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch

from benchmarks import allocator, catalogue, child, options, venvs
from benchmarks.catalogue import Peer
from benchmarks.figures import measurement
from benchmarks.figures.measurement import Measurement
from benchmarks.figures.record import engine_digest
from benchmarks.peers.job import BFLOAT16, FLOAT32, Job, shared
from benchmarks.work import oracle, shapes
from benchmarks.work.items import MODEL, NEW_TOKENS
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import Shape
from benchmarks.work.works import Figure, Oracle, Work, figure, prepare
from workers.engine import model_files
from workers.engine.models import Base

BATCH = 8
FEWEST_ROWS = 4


def our_figure(base: Base, work: Work, ours: Setup) -> Figure:
    found = ours.answer(work.item, work.warm)
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


def job(peer: Peer, work: Work, base: Base, ours: Setup, given: argparse.Namespace) -> Job:
    own = model_files.data_dir() / "peers" / "converted" / peer.name
    own.mkdir(parents=True, exist_ok=True)
    return Job(
        checkpoint=str(ours.models_dir / MODEL),
        folder=str(own),
        digest=base.digest,
        dtype=ours.dtype,
        threads=ours.threads,
        output=work.output,
        rows=work.rows[: timed_rows(peer, work, given)],
        warm=work.warm_rows,
        shared=shared(work.rows),
        eos=base.eos,
        device=ours.device,
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
    ours: Setup,
    given: argparse.Namespace,
) -> Measurement:
    """`first` is ours of the first round, `again` that of each further one: ours is timed just before the peer."""
    wanted = job(peer, work, base, ours, given)
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
    choice = ours.choice(base.name)
    facts["note"] = "; ".join(part for part in (facts.get("note", ""), rounds, f"ours: {choice.reason}") if part)
    facts |= {"problem": theirs if isinstance(theirs, str) else "", "checkpoint": base.digest, "choice": choice.digest}
    return _row(peer, work, middle(mine), theirs, len(wanted.rows), {"dtype": ours.dtype, **facts}, ours)


def _row(
    peer: Peer,
    work: Work,
    mine: Figure,
    theirs: Figure | str,
    timed: int,
    facts: dict[str, Any],
    ours: Setup,
) -> Measurement:
    right = theirs if isinstance(theirs, Figure) else None
    return Measurement(
        peer=peer.name,
        shape=str(work.shape),
        output=work.output,
        threads=ours.threads,
        device=ours.device,
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
        engine=engine_digest(),
        **facts,
    )


def run(given: argparse.Namespace) -> Iterator[Measurement]:
    """One row for each shape, dtype and peer, as they come. Ours is measured anew for each shape, dtype and call."""
    torch.set_num_threads(given.threads)
    setups = [Setup(given.models_dir, dtype, given.threads, given.device) for dtype in given.dtype]
    base = setups[0].session().base(MODEL)
    truth = Oracle(given.models_dir / MODEL, given.oracle_rows, device=given.device)
    for shape in (one for one in given.shapes if isinstance(one, Shape)):
        for ours in setups:
            yield from beside(base, truth, shape, ours, given)


def beside(base: Base, truth: Oracle, shape: Shape, ours: Setup, given: argparse.Namespace) -> Iterator[Measurement]:
    """The rows of one shape in one dtype that are not there yet and that there is time for."""
    wanted = [peer for peer in given.peers if peer.name in catalogue.INFERENCE]
    peers = [peer for peer in wanted if not has(peer, shape, ours, base.digest, given)]
    first: Figure | None = None
    for peer in peers:
        if not given.record.begin(f"{shape.output} {shape} in {ours.dtype} beside {peer.name}"):
            continue
        if first is None:
            work = prepare(base, truth, shape)
            first = our_figure(base, work, ours)
        yield measure(peer, work, base, first, partial(our_figure, base, work, ours), ours, given)


def has(peer: Peer, shape: Shape, ours: Setup, digest: str, given: argparse.Namespace) -> bool:
    key = peer.name, shape.output, str(shape), ours.dtype, ours.threads, ours.device
    found: bool = given.record.has(key, digest, engine_digest())
    return found


def add(parser: argparse.ArgumentParser) -> None:
    """The options of answers."""
    parser.add_argument("--dtype", default=f"{FLOAT32},{BFLOAT16}", help="comma-separated")
    parser.add_argument("--rounds", type=int, default=1, help="of ours and the peer in turn; medians are told")
    parser.add_argument("--rows-timed", type=int, default=20, help="of a peer that goes row by row; scaled to all")
    parser.add_argument("--batched-rows-timed", type=int, default=64, help="of a batched peer that shares no prompt")
    parser.add_argument("--tokens-timed", type=int, default=80_000, help="at most, of these two; at least one batch")
    parser.add_argument(
        "--oracle-rows", type=int, default=oracle.ROWS, help=f"compared with it, at least {oracle.ROWS}"
    )


READERS: dict[str, options.Reader] = {
    "dtype": lambda given: options.each(given.dtype, measurement.dtype),
    "rounds": lambda given: counted(given.rounds),
}


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options.parser(__doc__, shapes.DEFAULT, shapes.FORM)
    options.beside(parser, catalogue.INFERENCE)
    add(parser)
    reader = {"shapes": lambda given: options.each(given.shapes, shapes.shape)}
    return options.read(parser, argv, READERS | reader, catalogue.INFERENCE)


def counted(rounds: int) -> int:
    """Raises `ValueError` where there is none."""
    if rounds < 1:
        raise ValueError(f"{rounds} rounds: at least one is needed")
    return rounds


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    options.carry_out(given, run)
    options.finish(given.record)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
