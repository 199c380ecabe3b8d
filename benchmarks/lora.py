"""LoRA training side by side: ours and TRL's SFTTrainer with PEFT, on the same checkpoint, rows and threads.

`python -m benchmarks.lora [--shapes rows/tokens/epochs,...] [--seeds 1,2,3]`. The held-out loss of every saved adapter
is computed by the oracle, plain transformers and PEFT in fp32, row by row. A peer of which only the speed is asked is
timed on `--timed-steps` steps and scaled, and says so.

In pieces: `--losses-only` trains what has no held-out loss yet and keeps it (no time is taken, so the machine may be
busy), `--speed-only` takes times alone; its rows tell the losses that are kept.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks import allocator, catalogue, child, measurement, options, oracle, ours, shapes, venvs
from benchmarks.catalogue import Peer
from benchmarks.headline import LORA
from benchmarks.items import HELD_OUT, MODEL, train_item
from benchmarks.losses import Losses
from benchmarks.measurement import Key, Measurement
from benchmarks.peers.job import BFLOAT16, FLOAT32, TrainJob
from benchmarks.record import engine_digest
from benchmarks.shapes import TrainShape
from graders.base import Train
from workers.engine import models, places

WITHIN = 0.01
TUNED = "trl-tuned"
OURS = "ours"


@dataclass(frozen=True)
class Trained:
    """Somebody's training: seconds for all steps, held-out losses by seed (nats a token), how exact ours are."""

    seconds: float
    losses: list[float]
    difference: float | None = None
    steps: int = 0
    timed_steps: int = 0
    facts: tuple[tuple[str, str], ...] = ()


def train_ours(base: models.Base, shape: TrainShape, given: argparse.Namespace) -> Trained:
    """Median seconds over the seeds; with `speed_only` the first alone."""
    seconds, differences, steps = [], [], 0
    engine = ours.runner(places.models_dir(), given.dtype, given.threads)
    try:
        ours.timed(engine, warm_up(train_item(base, shape, given.seeds[0])))
        for seed in given.seeds[:1] if given.speed_only else given.seeds:
            item = train_item(base, shape, seed)
            # Without held-out rows: the peer does not look at them either.
            taken, found = ours.timed(engine, replace(item, valid=()))
            loss = given.losses.keep(_key(OURS, shape, seed, given), _oracle(base, found.files, item))
            seconds, steps = [*seconds, taken], found.steps
            differences.append(abs(ours.adapter_loss(base, Path(found.files), item) - loss))
            print(f"ours, seed {seed}: {taken:.1f} s, held-out loss {loss:.4f}", flush=True)
    finally:
        engine.close()
    losses = given.losses.of([_key(OURS, shape, seed, given) for seed in given.seeds])
    return Trained(statistics.median(seconds), losses, max(differences), steps, steps)


def warm_up(item: Train) -> Train:
    """One step on held-out rows."""
    size = item.per_device_train_batch_size
    return replace(item, rows=item.valid[:size], valid=(), num_train_epochs=1)


def train_peer(peer: Peer, base: models.Base, shape: TrainShape, given: argparse.Namespace) -> Trained:
    """All seeds in full for the tuned peer, so that losses compare; a few steps of the first seed for the other."""
    full = peer.name == TUNED and not given.speed_only
    found = [_one(peer, base, shape, seed, given, full) for seed in (given.seeds if full else given.seeds[:1])]
    losses = given.losses.of([_key(peer.name, shape, seed, given) for seed in given.seeds])
    seconds = statistics.median(trained.seconds for trained in found)
    return replace(found[0], seconds=seconds, losses=losses)


def _one(peer: Peer, base: models.Base, shape: TrainShape, seed: int, given: argparse.Namespace, full: bool) -> Trained:
    item = train_item(base, shape, seed)
    steps = -(-shape.rows // item.per_device_train_batch_size) * shape.epochs
    limit = steps if full else min(steps, given.timed_steps)
    with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
        work = TrainJob(
            checkpoint=str(_folder()),
            out=f"{folder}/adapter",
            threads=given.threads,
            tuned=peer.name == TUNED,
            dtype=ours.allowed(given.dtype),
            rows=[list(pair) for pair in item.rows],
            r=item.r,
            alpha=item.lora_alpha,
            rate=item.learning_rate,
            epochs=item.num_train_epochs,
            batch=item.per_device_train_batch_size,
            seed=seed,
            max_steps=-1 if full else limit,
        )
        found = child.run(child.interpreter(peer.environment), peer.module, work)
        if found["steps"] != limit:
            raise child.PeerFailed(f"made {found['steps']} steps where {limit} were wanted")
        if full:
            given.losses.keep(_key(peer.name, shape, seed, given), _oracle(base, work.out, item))
    print(f"{peer.name}, seed {seed}: {found['seconds']:.1f} s for {limit} of {steps} steps", flush=True)
    facts = tuple((key, found[key]) for key in ("version", "note"))
    return Trained(found["seconds"] * steps / limit, [], None, steps, limit, facts)


def _key(who: str, shape: TrainShape, seed: int, given: argparse.Namespace) -> str:
    """What a held-out loss depends on."""
    by = engine_digest() if who == OURS else venvs.ENVIRONMENTS["trl"].packages[0]
    return f"{who} {by} {ours.allowed(given.dtype)}, {shape}, seed {seed}, {given.checkpoint}"


def _oracle(base: models.Base, adapter: str, item: Train) -> float:
    return oracle.adapter_loss(_folder(), Path(adapter), item.valid, base)


def learn_losses(base: models.Base, given: argparse.Namespace) -> Iterator[Measurement]:
    """Trains what has no loss yet, ours before the tuned peer; yields no row, for no time was taken."""
    for shape in given.shapes:
        for seed in given.seeds:
            for who in (OURS, TUNED):
                if given.record.over:
                    return
                if given.losses.of([_key(who, shape, seed, given)]):
                    continue
                if who == OURS:
                    train_ours(base, shape, argparse.Namespace(**vars(given) | {"seeds": [seed]}))
                else:
                    _one(catalogue.TRAINING[TUNED], base, shape, seed, given, full=True)
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
    facts = {"version": venvs.ENVIRONMENTS[peer.environment].packages[0].rpartition("==")[2], "note": ""}
    facts |= dict(right.facts) if right else {}
    base = ours.allowed(given.dtype)
    notes = [
        facts.pop("note"),
        *([f"ours over a {base} base, the faster one here"] if base != given.dtype else []),
        *([told(mine.losses, right.losses, between)] if right and right.losses else []),
    ]
    return Measurement(
        peer=peer.name,
        shape=str(shape),
        dtype=given.dtype,
        output=LORA,
        threads=given.threads,
        ours_s=round(mine.seconds, 2),
        peer_s=right and round(right.seconds, 2),
        ratio=measurement.ratio(mine.seconds, right and right.seconds),
        max_abs_diff=None if mine.difference is None else float(f"{mine.difference:.1e}"),
        agree=None if between is None else float(between <= WITHIN),
        rows=right.steps if right else 0,
        timed_rows=right.timed_steps if right else 0,
        oracle_rows=HELD_OUT,
        machine=measurement.machine(),
        problem=other if isinstance(other, str) else "",
        checkpoint=given.checkpoint,
        engine=engine_digest(),
        note="; ".join(note for note in notes if note),
        **facts,
    )


def told(mine: Sequence[float], other: Sequence[float], between: float | None) -> str:
    """Held-out losses by seed, for people."""
    ours_, peers = (", ".join(f"{loss:.4f}" for loss in losses) for losses in (mine, other))
    percent = "" if between is None else f", ours {between:+.2%}"
    return f"held-out loss by seed: ours {ours_}; peer {peers}{percent}"


def run(given: argparse.Namespace) -> Iterator[Measurement]:
    torch.set_num_threads(given.threads)
    base = models.load(_folder())
    given.losses, given.checkpoint = Losses(), base.digest
    yield from learn_losses(base, given) if given.losses_only else measured(base, given)


def measured(base: models.Base, given: argparse.Namespace) -> Iterator[Measurement]:
    for shape in given.shapes:
        peers = [peer for peer in given.peers if not given.record.has(_row_key(peer, shape, given), *_digests(given))]
        if not peers or given.record.over:
            continue
        mine = train_ours(base, shape, given)
        for peer in peers:
            if given.record.over:
                return
            try:
                other: Trained | str = train_peer(peer, base, shape, given)
            except child.PeerFailed as error:
                other = str(error)
            yield row(peer, shape, mine, other, given)


def _row_key(peer: Peer, shape: TrainShape, given: argparse.Namespace) -> Key:
    return peer.name, LORA, str(shape), given.dtype, given.threads, measurement.machine()


def _digests(given: argparse.Namespace) -> tuple[str, str]:
    return given.checkpoint, engine_digest()


def _folder() -> Path:
    return places.models_dir() / MODEL


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    form = "rows/tokens/epochs, comma-separated"
    parser = options.parser(__doc__, catalogue.TRAINING, "300/60/3", form)
    parser.add_argument("--dtype", choices=(FLOAT32, BFLOAT16), default=BFLOAT16, help="of our frozen base")
    parser.add_argument("--seeds", default="1,2,3", help="comma-separated")
    parser.add_argument("--timed-steps", type=int, default=12, help="of a peer whose speed alone is asked; scaled")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--speed-only", action="store_true", help="one seed of ours, a few steps of each peer")
    only.add_argument("--losses-only", action="store_true", help="train what has no held-out loss yet; no times")
    readers = {
        "shapes": lambda given: options.each(given.shapes, shapes.train_shape),
        "seeds": lambda given: options.each(given.seeds, int),
    }
    return options.read(parser, argv, catalogue.TRAINING, readers)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    options.report(run(given), given.record)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
