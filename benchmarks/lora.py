"""LoRA training side by side: ours and TRL's SFTTrainer with PEFT, on the same checkpoint, rows and threads.

`python -m benchmarks.lora [--shapes rows/tokens/epochs,...] [--seeds 1,2,3]`. The held-out loss of every saved adapter
is computed by the oracle, plain transformers and PEFT in fp32, row by row. A peer of which only the speed is asked is
timed on `--timed-steps` steps and scaled, and says so.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from peft import PeftModel

from benchmarks import allocator, catalogue, child, measurement, options, oracle, shapes, venvs
from benchmarks.catalogue import Peer
from benchmarks.items import HELD_OUT, MODEL, train_item
from benchmarks.measurement import Measurement
from benchmarks.peers.job import BFLOAT16, FLOAT32, TrainJob
from benchmarks.shapes import TrainShape
from graders.base import Train
from workers.engine import lora, models, places
from workers.engine.watch import Watch

WITHIN = 0.01
TUNED = "trl-tuned"


@dataclass(frozen=True)
class Trained:
    """Somebody's training: seconds for all steps, held-out losses by seed (nats a token), how exact they are."""

    seconds: float
    losses: list[float]
    difference: float | None = None
    steps: int = 0
    timed_steps: int = 0
    facts: tuple[tuple[str, str], ...] = ()


def ours(base: models.Base, shape: TrainShape, dtype: str, seeds: Sequence[int]) -> Trained:
    """Median seconds over the seeds."""
    seconds, losses, differences, steps = [], [], [], 0
    for seed in seeds:
        item = train_item(base, shape, seed)
        with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
            adapter = Path(folder) / "adapter"
            started = time.perf_counter()
            steps = _train(base, item, adapter, dtype)
            seconds.append(time.perf_counter() - started)
            losses.append(oracle.adapter_loss(_folder(), adapter, item.valid, base))
            differences.append(abs(_own_loss(base, adapter, item) - losses[-1]))
        print(f"ours, seed {seed}: {seconds[-1]:.1f} s, held-out loss {losses[-1]:.4f}", flush=True)
    return Trained(statistics.median(seconds), losses, max(differences), steps, steps)


def _train(base: models.Base, item: Train, adapter: Path, dtype: str) -> int:
    """Without held-out rows: the peer does not look at them either."""
    frozen = base.model if dtype == FLOAT32 else base.half
    return lora.train(base, replace(item, valid=()), adapter, Watch(), frozen=frozen).steps


def _own_loss(base: models.Base, adapter: Path, item: Train) -> float:
    """The engine's own evaluation of the saved adapter, which the oracle then checks."""
    model = PeftModel.from_pretrained(copy.deepcopy(base.model), str(adapter)).eval()
    return lora.evaluate(base, model, lora.examples(base, item.valid, item.row_tokens_max), Watch())


def theirs(
    peer: Peer, base: models.Base, shape: TrainShape, seeds: Sequence[int], given: argparse.Namespace
) -> Trained:
    """All seeds in full for the tuned peer, so that losses compare; a few steps of the first seed for the other."""
    python = child.interpreter(peer.environment)
    full = peer.name == TUNED and not given.speed_only
    found = [_one(python, peer, base, shape, seed, given, full) for seed in (seeds if full else seeds[:1])]
    losses = [loss for trained in found for loss in trained.losses]
    seconds = statistics.median(trained.seconds for trained in found)
    return Trained(seconds, losses, None, found[0].steps, found[0].timed_steps, found[0].facts)


def _one(
    python: Path, peer: Peer, base: models.Base, shape: TrainShape, seed: int, given: argparse.Namespace, full: bool
) -> Trained:
    item = train_item(base, shape, seed)
    steps = -(-shape.rows // item.per_device_train_batch_size) * shape.epochs
    limit = steps if full else min(steps, given.timed_steps)
    with tempfile.TemporaryDirectory(prefix="gradus-bench-") as folder:
        work = TrainJob(
            checkpoint=str(_folder()),
            out=f"{folder}/adapter",
            threads=given.threads,
            tuned=peer.name == TUNED,
            rows=[list(pair) for pair in item.rows],
            r=item.r,
            alpha=item.lora_alpha,
            rate=item.learning_rate,
            epochs=item.num_train_epochs,
            batch=item.per_device_train_batch_size,
            seed=seed,
            max_steps=-1 if full else limit,
        )
        found = child.run(python, peer.module, work)
        if found["steps"] != limit:
            raise child.PeerFailed(f"made {found['steps']} steps where {limit} were wanted")
        losses = [oracle.adapter_loss(_folder(), Path(work.out), item.valid, base)] if full else []
    print(f"{peer.name}, seed {seed}: {found['seconds']:.1f} s for {limit} of {steps} steps, loss {losses}", flush=True)
    facts = tuple((key, found[key]) for key in ("version", "note"))
    return Trained(found["seconds"] * steps / limit, losses, None, steps, limit, facts)


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
    notes = [
        facts.pop("note"),
        *([told(mine.losses, right.losses, between)] if right and right.losses else []),
    ]
    return Measurement(
        peer=peer.name,
        shape=str(shape),
        dtype=given.dtype,
        output="lora",
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
    for shape in given.shapes:
        mine = ours(base, shape, given.dtype, given.seeds)
        for peer in given.peers:
            try:
                other: Trained | str = theirs(peer, base, shape, given.seeds, given)
            except child.PeerFailed as error:
                other = str(error)
            yield row(peer, shape, mine, other, given)


def _folder() -> Path:
    return places.models_dir() / MODEL


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    form = "rows/tokens/epochs, comma-separated"
    parser = options.parser(__doc__, catalogue.TRAINING, "300/60/3", form)
    parser.add_argument("--dtype", choices=(FLOAT32, BFLOAT16), default=BFLOAT16, help="of our frozen base")
    parser.add_argument("--seeds", default="1,2,3", help="comma-separated")
    parser.add_argument("--timed-steps", type=int, default=12, help="of a peer whose speed alone is asked; scaled")
    parser.add_argument("--speed-only", action="store_true", help="no full training of peers, so no loss of theirs")
    return options.read(parser, argv, catalogue.TRAINING, {"shapes": shapes.train_shape, "seeds": int})


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    options.report(run(given), given.json)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
