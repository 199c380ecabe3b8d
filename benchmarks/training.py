"""Both sides of a training: ours in a runner, and TRL in a process of its own, on the same rows and seeds."""

from __future__ import annotations

import argparse
import statistics
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import child, venvs
from benchmarks.catalogue import Peer
from benchmarks.figures.record import engine_digest
from benchmarks.peers.job import BFLOAT16, FLOAT32, TrainJob
from benchmarks.work import oracle, ours
from benchmarks.work.items import BATCH, MODEL, train_item
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import TrainShape
from graders.base import Train
from workers.engine import models

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
    seconds, differences, steps = [], [], steps_of(shape)
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
            given.losses.keep(key(OURS, shape, seed, given), loss)
        seconds.append(taken * steps / found.steps)
        print(f"ours, seed {seed}: {taken:.1f} s for {found.steps} of {steps} steps, loss {loss:.4f}", flush=True)
    losses = given.losses.of([key(OURS, shape, seed, given) for seed in given.seeds])
    choice = setup.choice(base.name)
    facts = (("dtype", setup.dtype), ("choice", choice.digest), ("reason", choice.reason))
    return Trained(statistics.median(seconds), losses, max(differences), steps, steps_of(timed), facts)


def _cut(shape: TrainShape, warm_seconds: float, given: argparse.Namespace) -> tuple[bool, TrainShape]:
    """Whether ours is trained whole, and the shape that is timed."""
    whole = not given.speed_only or warm_seconds / WARM_STEPS * steps_of(shape) <= ENOUGH
    return whole, shape if whole else replace(shape, epochs=1)


def _setup(given: argparse.Namespace, dtype: str) -> Setup:
    return Setup(given.models_dir, dtype, given.threads, given.device)


def warm_up(item: Train) -> Train:
    """A few steps on held-out rows."""
    size = WARM_STEPS * item.per_device_train_batch_size
    return replace(item, rows=item.valid[:size], valid=(), num_train_epochs=1)


def steps_of(shape: TrainShape) -> int:
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
    losses = given.losses.of([key(peer.name, shape, seed, given) for seed in given.seeds])
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
    item, steps = train_item(base, shape, seed), steps_of(shape)
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
            given.losses.keep(key(peer.name, shape, seed, given), _oracle(base, work.out, item, given))
    print(f"{peer.name}, {dtype}, seed {seed}: {found['seconds']:.1f} s for {limit} of {steps} steps", flush=True)
    facts = tuple((key, found[key]) for key in ("version", "note", "dtype"))
    return Trained(found["seconds"] * steps / limit, [], None, steps, limit, facts)


def key(who: str, shape: TrainShape, seed: int, given: argparse.Namespace) -> str:
    """What a held-out loss depends on."""
    by = engine_digest() if who == OURS else venvs.ENVIRONMENTS["trl"].packages[0]
    return f"{who} {by} {given.training_dtype}, {given.device}, {shape}, seed {seed}, {given.checkpoint}"


def _oracle(base: models.Base, adapter: str, item: Train, given: argparse.Namespace) -> float:
    return oracle.adapter_loss(given.models_dir / MODEL, Path(adapter), item.valid, base, given.device)
