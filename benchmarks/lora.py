"""LoRA training side by side: ours and TRL's SFTTrainer with PEFT, on the same checkpoint, rows and threads.

`python -m benchmarks.lora [--shapes rows/tokens/epochs,...] [--seeds 1,2,3]`. The held-out loss of every saved adapter
is computed by the oracle, plain transformers and PEFT in fp32, row by row. A peer of which only the speed is asked is
timed on `--timed-steps` steps and scaled, and says so. With `--training-dtype bfloat16` each side's frozen base has the
dtype in which a few of its steps were the faster ones.

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
from benchmarks.items import BATCH, HELD_OUT, MODEL, train_item
from benchmarks.losses import Losses
from benchmarks.measurement import Measurement
from benchmarks.ours import Setup
from benchmarks.peers.job import BFLOAT16, FLOAT32, TrainJob
from benchmarks.record import engine_digest
from benchmarks.shapes import LORA, TrainShape
from graders.base import Train
from workers.engine import models

WITHIN = 0.01
TUNED = "trl-tuned"
OURS = "ours"
WARM_STEPS = 3
ENOUGH = 240.0
"""Seconds. Where all epochs would take longer and only the speed is asked, ours is timed on one epoch and scaled."""


@dataclass(frozen=True)
class Trained:
    """Somebody's training: seconds for all steps, held-out losses by seed (nats a token), how exact ours are."""

    seconds: float
    losses: list[float]
    difference: float | None = None
    steps: int = 0
    timed_steps: int = 0
    facts: tuple[tuple[str, str], ...] = ()


def allowed(dtype: str) -> tuple[str, ...]:
    """Dtypes of the base of which the faster one is taken: rounding as bf16 does need not be the faster way."""
    return (FLOAT32, BFLOAT16) if dtype == BFLOAT16 else (FLOAT32,)


def train_ours(base: models.Base, shape: TrainShape, given: argparse.Namespace) -> Trained:
    """Median seconds over the seeds; with `speed_only` the first alone."""
    seconds, differences, steps = [], [], _steps(shape)
    warm = warm_up(train_item(base, shape, given.seeds[0]))
    few = {dtype: _setup(given, dtype).timed(warm, warm)[0] for dtype in allowed(given.training_dtype)}
    setup = _setup(given, min(few, key=few.__getitem__))
    whole, timed = _cut(shape, few[setup.dtype], given)
    for seed in given.seeds[:1] if given.speed_only else given.seeds:
        item = train_item(base, timed, seed)
        # Without held-out rows: the peer does not look at them either.
        with setup.started() as engine:
            ours.run(engine, warm)
            taken, found = ours.run(engine, replace(item, valid=()))
            loss = _oracle(base, found.files, item, given)
            differences.append(abs(ours.adapter_loss(base, Path(found.files), item) - loss))
        if whole:
            given.losses.keep(_key(OURS, shape, seed, given), loss)
        seconds.append(taken * steps / found.steps)
        print(f"ours, seed {seed}: {taken:.1f} s for {found.steps} of {steps} steps, loss {loss:.4f}", flush=True)
    losses = given.losses.of([_key(OURS, shape, seed, given) for seed in given.seeds])
    choice = setup.choice(base.name)
    facts = (("dtype", setup.dtype), ("choice", choice.digest), ("reason", choice.reason))
    return Trained(statistics.median(seconds), losses, max(differences), steps, _steps(timed), facts)


def _cut(shape: TrainShape, warm_seconds: float, given: argparse.Namespace) -> tuple[bool, TrainShape]:
    """Whether ours is trained whole, and the shape that is timed."""
    whole = not given.speed_only or warm_seconds / WARM_STEPS * _steps(shape) <= ENOUGH
    return whole, shape if whole else replace(shape, epochs=1)


def _setup(given: argparse.Namespace, dtype: str) -> Setup:
    return Setup(given.models_dir, dtype, given.threads, given.device)


def warm_up(item: Train) -> Train:
    """A few steps on held-out rows."""
    size = WARM_STEPS * item.per_device_train_batch_size
    return replace(item, rows=item.valid[:size], valid=(), num_train_epochs=1)


def _steps(shape: TrainShape) -> int:
    return -(-shape.rows // BATCH) * shape.epochs


def train_peer(peer: Peer, base: models.Base, shape: TrainShape, given: argparse.Namespace) -> Trained:
    """All seeds in full for the tuned peer, so that losses compare; a few steps of the first seed for the other."""
    # With its defaults a peer takes the checkpoint's own dtype.
    dtypes = allowed(given.training_dtype if peer.name == TUNED else FLOAT32)
    few = [_one(peer, base, shape, given.seeds[0], dtype, given) for dtype in dtypes]
    found = [min(few, key=lambda trained: trained.seconds)]
    if peer.name == TUNED and not given.speed_only:
        dtype = dict(found[0].facts)["dtype"]
        found = [_one(peer, base, shape, seed, dtype, given, full=True) for seed in given.seeds]
    losses = given.losses.of([_key(peer.name, shape, seed, given) for seed in given.seeds])
    seconds = statistics.median(trained.seconds for trained in found)
    return replace(found[0], seconds=seconds, losses=losses)


def _one(
    peer: Peer,
    base: models.Base,
    shape: TrainShape,
    seed: int,
    dtype: str,
    given: argparse.Namespace,
    *,
    full: bool = False,
) -> Trained:
    item, steps = train_item(base, shape, seed), _steps(shape)
    limit = steps if full else min(steps, given.timed_steps)
    with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
        work = TrainJob(
            checkpoint=str(given.models_dir / MODEL),
            out=f"{folder}/adapter",
            threads=given.threads,
            tuned=peer.name == TUNED,
            dtype=dtype,
            rows=[list(pair) for pair in item.rows],
            r=item.r,
            alpha=item.lora_alpha,
            rate=item.learning_rate,
            epochs=item.num_train_epochs,
            batch=item.per_device_train_batch_size,
            seed=seed,
            max_steps=-1 if full else limit,
            device=given.device,
        )
        found = child.run(child.interpreter(peer.environment), peer.module, work)
        if found["steps"] != limit:
            raise child.PeerFailed(f"made {found['steps']} steps where {limit} were wanted")
        if full:
            given.losses.keep(_key(peer.name, shape, seed, given), _oracle(base, work.out, item, given))
    print(f"{peer.name}, {dtype}, seed {seed}: {found['seconds']:.1f} s for {limit} of {steps} steps", flush=True)
    facts = tuple((key, found[key]) for key in ("version", "note", "dtype"))
    return Trained(found["seconds"] * steps / limit, [], None, steps, limit, facts)


def _key(who: str, shape: TrainShape, seed: int, given: argparse.Namespace) -> str:
    """What a held-out loss depends on."""
    by = engine_digest() if who == OURS else venvs.ENVIRONMENTS["trl"].packages[0]
    return f"{who} {by} {given.training_dtype}, {given.device}, {shape}, seed {seed}, {given.checkpoint}"


def _oracle(base: models.Base, adapter: str, item: Train, given: argparse.Namespace) -> float:
    return oracle.adapter_loss(given.models_dir / MODEL, Path(adapter), item.valid, base, given.device)


def learn_losses(base: models.Base, given: argparse.Namespace) -> Iterator[Measurement]:
    """Trains what has no loss yet, ours before the tuned peer; yields no row, for no time was taken."""
    for shape in _shapes(given):
        for seed in given.seeds:
            for who in (OURS, TUNED):
                known = given.losses.of([_key(who, shape, seed, given)])
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
    key = peer.name, LORA, str(shape), given.training_dtype, given.threads, given.device
    found: bool = given.record.has(key, given.checkpoint, engine_digest())
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
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--speed-only", action="store_true", help="one seed of ours, a few steps of each peer")
    only.add_argument("--losses-only", action="store_true", help="train what has no held-out loss yet; no times")
    reader = {"shapes": lambda given: options.each(given.shapes, shapes.train_shape)}
    return options.read(parser, argv, READERS | reader, catalogue.TRAINING)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    options.carry_out(given, run)
    options.finish(given.record)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
