"""Where our time goes: products, attention, head, everything else; and how far from the machine's limit that is.

`python -m benchmarks.profile [--shapes P/S/N/L,...,rows/tokens/epochs,...] [--dtype float32,bfloat16]`. Seconds are
those of a runner without any profiling; the share of each kind of operator is taken in a run of its own, and the rest
of the seconds is everything else. The limit is the least number of operations by `benchmarks.figures.costs`, at the
speed of a large matrix product measured in the same call: the faster one, where the dtype leaves a choice.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import torch
from torch import nn

from benchmarks import allocator, options
from benchmarks.figures import costs, headline, limit, measurement
from benchmarks.figures.counting import ATTENTION, HEAD, PRODUCTS, REST, Counting, wait_for
from benchmarks.figures.limit import Part, Profile
from benchmarks.figures.record import Record, engine_digest
from benchmarks.peers.job import BFLOAT16, FLOAT32
from benchmarks.work import shapes
from benchmarks.work.items import MODEL, rows, train_item
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import Shape, TrainShape
from benchmarks.work.works import items
from graders.base import Generate, Score, Train
from workers.engine.models import Base
from workers.engine.tuning import objectives
from workers.engine.watch import Watch
from workers.tokenising import common_tokens

SHAPES = f"{shapes.DEFAULT},1000/60/200/6x2,1000/60/50/0,96/60/1"
SIDE, ATTEMPTS, TOP = 2048, 20, 12

Item = Score | Generate | Train


def attainable(dtype: str, device: str = "cpu") -> float:
    """GFLOP/s of the best of some large products; in bf16 an engine may take fp32 where that is the faster one."""
    return max(_product_speed(one, device) for one in (FLOAT32, *([BFLOAT16] if dtype == BFLOAT16 else [])))


@cache
def _product_speed(dtype: str, device: str) -> float:
    layer = nn.Linear(SIDE, SIDE, bias=False, dtype=getattr(torch, dtype), device=device)
    x = torch.randn(SIDE, SIDE, dtype=layer.weight.dtype, device=device)
    best = min(_seconds(layer, x) for _ in range(ATTEMPTS))
    return 2 * SIDE**3 / best / 1e9


@torch.inference_mode()
def _seconds(layer: nn.Module, x: torch.Tensor) -> float:
    wait_for(x.device.type)
    started = time.perf_counter()
    layer(x)
    wait_for(x.device.type)
    return time.perf_counter() - started


def parts(counting: Counting, seconds: float) -> dict[str, Part]:
    """The rest is what the counted kinds leave of `seconds`; the counting's own time is in neither."""
    found = {kind: counting.of(kind) for kind in (PRODUCTS, ATTENTION, HEAD)}
    made = {kind: Part(tally.seconds, tally.flops / max(tally.seconds, 1e-9) / 1e9) for kind, tally in found.items()}
    return made | {REST: Part(max(0.0, seconds - sum(part.seconds for part in made.values())), 0.0)}


def both(base: Base, shape: Shape | TrainShape) -> tuple[Item, Item]:
    """The work, and a small one to warm up on."""
    if isinstance(shape, TrainShape):
        item = replace(train_item(base, shape, seed=1), valid=())
        return item, replace(item, rows=item.rows[-item.per_device_train_batch_size :], num_train_epochs=1)
    return items(base, shape)


def least(base: Base, item: Item, outcome: Any) -> float:
    cost = costs.costs(base.model.config)
    if isinstance(item, Score):
        return costs.labels(cost, rows(base, item))
    if isinstance(item, Generate):
        return costs.texts(cost, rows(base, item), outcome.new_tokens)
    made = objectives.examples(base, item.rows, item.row_tokens_max)
    lengths = [(len(example.tokens), len(example.tokens) - example.start) for example in made]
    shared = common_tokens([example.tokens for example in made])
    return costs.training(cost, lengths, shared, item.per_device_train_batch_size, item.num_train_epochs, item.r)


def profile(ours: Setup, shape: Shape | TrainShape, speed: float) -> Profile:
    """The runner goes first: the engine's choice, by which the counted run computes, is made in it."""
    session = ours.session()
    base = session.base(MODEL)
    item, warm = both(base, shape)
    seconds, _ = ours.timed(item, warm)
    choice = ours.choice(base.name)
    session.run(warm, Watch(), choice)
    with Counting(base.model.config.vocab_size, ours.device) as counting:
        outcome = session.run(item, Watch(), choice)
    needed = least(base, item, outcome)
    operators = sorted(((*name, t.calls, round(t.seconds, 3)) for name, t in counting.tallies.items()), key=_slowest)
    return Profile(
        work=shape.output,
        shape=str(shape),
        dtype=ours.dtype,
        threads=ours.threads,
        seconds=round(seconds, 3),
        parts={kind: Part(round(p.seconds, 3), round(p.gflops, 1)) for kind, p in parts(counting, seconds).items()},
        least=needed,
        attainable=round(speed, 1),
        times=round(seconds / (needed / speed / 1e9), 2),
        operators=operators[:TOP],
        engine=engine_digest(),
        device=ours.device,
        choice=choice.digest,
    )


def _slowest(operator: tuple[str, str, int, float]) -> float:
    return -operator[3]


def run(given: argparse.Namespace) -> Iterator[Profile]:
    torch.set_num_threads(given.threads)
    for dtype in given.dtype:
        ours = Setup(given.models_dir, dtype, given.threads, given.device)
        for shape in given.shapes:
            if given.record.begin(f"profile of {shape.output} {shape} in {dtype}"):
                yield profile(ours, shape, attainable(dtype, given.device))


def report(found: Iterable[Profile], record: Record) -> None:
    """Each profile as it comes, on the screen and in the file, then all in one table."""
    shown = []
    for one in found:
        shown.append(one)
        record.add_profile(one)
        print(f"{one.work} {one.shape} {one.dtype}: {one.seconds:.2f} s, slowest operators", flush=True)
        for kind, name, calls, seconds in one.operators:
            print(f"  {seconds:8.3f} s  {calls:7d} calls  {kind}: {name}")
    if shown:
        print(limit.table(shown))


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options.parser(__doc__, SHAPES, f"{shapes.FORM}; {shapes.TRAINING_FORM}")
    parser.add_argument("--dtype", default=f"{FLOAT32},{BFLOAT16}", help="comma-separated")
    readers: dict[str, options.Reader] = {
        "shapes": lambda given: options.each(given.shapes, shapes.any_shape),
        "dtype": lambda given: options.each(given.dtype, measurement.dtype),
    }
    return options.read(parser, argv, readers)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    print(given.record.machine, flush=True)
    report(run(given), given.record)
    print(headline.distance(given.record.results.profiles))


if __name__ == "__main__":
    allocator.same_for_all()
    main()
