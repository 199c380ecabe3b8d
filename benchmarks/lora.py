"""LoRA training side by side: ours and TRL's SFTTrainer with PEFT, on the same checkpoint, rows and threads.

`python -m benchmarks.lora [--shapes rows/tokens/epochs,...] [--seeds 1,2,3]`. The held-out loss of every saved adapter
is computed by the oracle, plain transformers and PEFT in fp32, row by row. A peer of which only the speed is asked is
timed on `--timed-steps` steps and scaled, and says so. With `--training-dtype bfloat16` each side's frozen base has the
dtype in which a few of its steps were the faster ones.

In pieces: `--losses-only` trains what has no held-out loss yet and keeps it (no time is taken, so the machine may be
busy), `--speed-only` takes times alone; its rows tell the losses that are kept.

`--methods lora,qlora,full,dpo` compares losses and margins of the training methods step by step instead (`methods.py`).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence

import torch

from benchmarks import allocator, catalogue, child, methods, options, venvs
from benchmarks.catalogue import Peer
from benchmarks.figures import measurement
from benchmarks.figures.losses import Losses
from benchmarks.figures.measurement import Measurement
from benchmarks.figures.record import engine_digest
from benchmarks.peers.job import BFLOAT16, FLOAT32
from benchmarks.training import OURS, TUNED, Trained, key, train_ours, train_peer
from benchmarks.work import shapes
from benchmarks.work.items import HELD_OUT, MODEL
from benchmarks.work.shapes import LORA, TrainShape
from workers.engine import models

WITHIN = 0.01


def learn_losses(base: models.Base, given: argparse.Namespace) -> Iterator[Measurement]:
    """Trains what has no loss yet, ours before the tuned peer; yields no row, for no time was taken."""
    for shape in _shapes(given):
        for seed in given.seeds:
            for who in (OURS, TUNED):
                known = given.losses.of([key(who, shape, seed, given)])
                if known or not given.record.begin(f"loss of {who}, {shape}, seed {seed}"):
                    continue
                alone = argparse.Namespace(**vars(given) | {"seeds": [seed]})
                if who == OURS:
                    train_ours(base, shape, alone)
                else:
                    train_peer(catalogue.TRAINING[TUNED], base, shape, alone)
    yield from ()


def gap(mine: Sequence[float], other: Sequence[float]) -> float | None:
    """Our mean held-out loss over the peer's, less one; None where the peer has no loss for every seed."""
    if not mine or len(mine) != len(other):
        return None
    return statistics.mean(mine) / statistics.mean(other) - 1


def row(peer: Peer, shape: TrainShape, mine: Trained, other: Trained | str, given: argparse.Namespace) -> Measurement:
    """`agree` is 1 where our loss is at most 1 % above the peer's; the note tells all losses."""
    right = other if isinstance(other, Trained) else None
    between = gap(mine.losses, right.losses) if right else None
    facts = {"version": venvs.ENVIRONMENTS[peer.environment].packages[0].rpartition("==")[2]}
    facts |= dict(right.facts) if right else {}
    return Measurement(
        peer=peer.name,
        version=facts["version"],
        shape=str(shape),
        dtype=given.training_dtype,
        output=LORA,
        threads=given.threads,
        device=given.device,
        ours_s=round(mine.seconds, 2),
        peer_s=right and round(right.seconds, 2),
        ratio=measurement.ratio(mine.seconds, right and right.seconds),
        max_abs_diff=None if mine.difference is None else float(f"{mine.difference:.1e}"),
        agree=None if between is None else float(between <= WITHIN),
        rows=right.steps if right else 0,
        timed_rows=right.timed_steps if right else 0,
        oracle_rows=HELD_OUT,
        problem=other if isinstance(other, str) else "",
        checkpoint=given.checkpoint,
        engine=engine_digest(),
        choice=dict(mine.facts).get("choice", ""),
        note="; ".join(note for note in (facts.get("note", ""), *notes(mine, right, between)) if note),
    )


def notes(mine: Trained, right: Trained | None, between: float | None) -> Iterator[str]:
    """How ours was timed and what was chosen, and both sides' losses, for people."""
    facts = dict(mine.facts)
    scaled = f", timed on {mine.timed_steps} of {mine.steps} steps and scaled" if mine.timed_steps < mine.steps else ""
    yield f"ours: {facts.get('dtype', '')} base{scaled}; {facts.get('reason', '')}"
    if right and right.losses:
        yield told(mine.losses, right.losses, between)


def told(mine: Sequence[float], other: Sequence[float], between: float | None) -> str:
    """Held-out losses by seed, for people."""
    ours_, peers = (", ".join(f"{loss:.4f}" for loss in losses) for losses in (mine, other))
    percent = "" if between is None else f", ours {between:+.2%}"
    return f"held-out loss by seed: ours {ours_}; peer {peers}{percent}"


def run(given: argparse.Namespace) -> Iterator[Measurement]:
    torch.set_num_threads(given.threads)
    if not _shapes(given):
        return
    base = models.load(given.models_dir / MODEL, given.device)
    given.losses, given.checkpoint = Losses(), base.digest
    yield from learn_losses(base, given) if given.losses_only else measured(base, given)


def _shapes(given: argparse.Namespace) -> list[TrainShape]:
    return [shape for shape in given.shapes if isinstance(shape, TrainShape)]


def measured(base: models.Base, given: argparse.Namespace) -> Iterator[Measurement]:
    """The rows that are not there yet and that there is time for."""
    for shape in _shapes(given):
        mine: Trained | None = None
        for peer in (one for one in given.peers if one.name in catalogue.TRAINING):
            if _has(peer, shape, given) or not given.record.begin(f"{LORA} {shape} beside {peer.name}"):
                continue
            mine = mine or train_ours(base, shape, given)
            try:
                other: Trained | str = train_peer(peer, base, shape, given)
            except child.PeerFailed as error:
                other = str(error)
            yield row(peer, shape, mine, other, given)


def _has(peer: Peer, shape: TrainShape, given: argparse.Namespace) -> bool:
    work = peer.name, LORA, str(shape), given.training_dtype, given.threads, given.device
    found: bool = given.record.has(work, given.checkpoint, engine_digest())
    return found


def add(parser: argparse.ArgumentParser) -> None:
    """The options of training."""
    parser.add_argument(
        "--training-dtype",
        choices=(FLOAT32, BFLOAT16),
        default=BFLOAT16,
        help="of the frozen base; with bfloat16 each side takes that or float32, whichever is faster for it",
    )
    parser.add_argument("--seeds", default="1,2,3", help="of training, comma-separated")
    parser.add_argument("--timed-steps", type=int, default=12, help="of training by a peer whose speed alone is asked")


READERS: dict[str, options.Reader] = {"seeds": lambda given: options.each(given.seeds, int)}


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options.parser(__doc__, "300/60/3", shapes.TRAINING_FORM)
    options.beside(parser, catalogue.TRAINING)
    add(parser)
    parser.add_argument("--methods", default="", help="compare these training methods step by step; no times")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--speed-only", action="store_true", help="one seed of ours, a few steps of each peer")
    only.add_argument("--losses-only", action="store_true", help="train what has no held-out loss yet; no times")
    reader: dict[str, options.Reader] = {"shapes": lambda given: options.each(given.shapes, shapes.train_shape)}
    reader["methods"] = lambda given: methods.read(given) if given.methods else []
    return options.read(parser, argv, READERS | reader, catalogue.TRAINING)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    if given.methods:
        torch.set_num_threads(given.threads)
        base = models.load(given.models_dir / MODEL, given.device)
        for told in methods.compare(base, given):
            print(told, flush=True)
        return
    options.carry_out(given, run)
    options.finish(given.record)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
