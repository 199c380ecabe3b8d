"""Where our time goes: products, attention, head, everything else; and how far from the machine's limit that is.

`python -m benchmarks.profile [--shapes P/S/N/L,...,rows/tokens/epochs,...] [--dtype float32,bfloat16]`. Seconds are
those of a runner without any profiling; the share of each kind of operator is taken in a run of its own, and the rest
of the seconds is everything else. The limit is the least number of operations by `benchmarks.costs`, at the speed of a
large matrix product measured in the same call.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import allocator, costs, measurement, ours, shapes
from benchmarks.counting import ATTENTION, HEAD, KINDS, PRODUCTS, REST, Counting
from benchmarks.items import MODEL, rows, train_item
from benchmarks.peers.job import BFLOAT16, FLOAT32, JSON, LABEL
from benchmarks.record import engine_digest
from benchmarks.shapes import Shape, TrainShape
from benchmarks.works import items
from graders.base import Generate, Score, Train
from workers.engine import lora, places
from workers.engine.linear import use_onednn
from workers.engine.models import Base
from workers.engine.prompts import common_tokens
from workers.engine.watch import Watch

SHAPES = "1000/60/200/5,1000/60/200/6x2,1000/60/50/0,96/60/1"
SIDE, ATTEMPTS, TOP = 2048, 20, 12
HEADER = (
    "| work | shape | dtype | seconds | products | attention | head | everything else | least TFLOP | "
    "large product, GFLOP/s | times the limit |"
)

Item = Score | Generate | Train


@dataclass(frozen=True)
class Part:
    """Seconds of one kind of operator and its speed; `gflops` is 0 where operations are not counted."""

    seconds: float
    gflops: float


@dataclass(frozen=True)
class Profile:
    """`seconds` without profiling. `least` in operations, `attainable` in GFLOP/s of `dtype`, `times` the limit."""

    work: str
    shape: str
    dtype: str
    threads: int
    seconds: float
    parts: dict[str, Part]
    least: float
    attainable: float
    times: float
    operators: list[tuple[str, str, int, float]]
    machine: str
    engine: str

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        return self.work, self.shape, self.dtype, self.threads, self.machine

    def line(self) -> str:
        cells = [self.work, self.shape, self.dtype, f"{self.seconds:.2f}", *(self._part(kind) for kind in KINDS)]
        cells += [f"{self.least / 1e12:.2f}", f"{self.attainable:.0f}", f"**{self.times:.2f}**"]
        return f"| {' | '.join(cells)} |"

    def _part(self, kind: str) -> str:
        part = self.parts[kind]
        speed = f" ({part.gflops:.0f} GFLOP/s)" if part.gflops else ""
        return f"{part.seconds:.2f} s, {part.seconds / self.seconds:.0%}{speed}"


def attainable(dtype: str, side: int = SIDE) -> float:
    """GFLOP/s of the best of some large products, by the linear layer that the engine uses."""
    layer: Any = nn.Linear(side, side, bias=False, dtype=getattr(torch, dtype)).requires_grad_(False)
    use_onednn(nn.Sequential(layer))
    x = torch.randn(side, side, dtype=layer.weight.dtype)
    best = min(_seconds(layer, x) for _ in range(ATTEMPTS))
    return 2 * side**3 / best / 1e9


@torch.inference_mode()
def _seconds(layer: nn.Module, x: torch.Tensor) -> float:
    started = time.perf_counter()
    layer(x)
    return time.perf_counter() - started


def parts(counting: Counting, seconds: float) -> dict[str, Part]:
    """The rest is what the counted kinds leave of `seconds`; the counting's own time is in neither."""
    found = {kind: counting.of(kind) for kind in (PRODUCTS, ATTENTION, HEAD)}
    made = {kind: Part(tally.seconds, tally.flops / max(tally.seconds, 1e-9) / 1e9) for kind, tally in found.items()}
    return made | {REST: Part(max(0.0, seconds - sum(part.seconds for part in made.values())), 0.0)}


def work_of(shape: Shape | TrainShape) -> str:
    if isinstance(shape, TrainShape):
        return "lora"
    return LABEL if shape.labels else JSON


def both(base: Base, shape: Shape | TrainShape) -> tuple[Item, Item]:
    """The work, and a small one to warm up on."""
    if isinstance(shape, TrainShape):
        item = replace(train_item(base, shape, seed=1), valid=())
        return item, replace(item, rows=item.rows[-item.per_device_train_batch_size :], num_train_epochs=1)
    return items(base, shape, work_of(shape))


def least(base: Base, item: Item, outcome: Any) -> float:
    cost = costs.costs(base.model.config)
    if isinstance(item, Score):
        return costs.labels(cost, rows(base, item))
    if isinstance(item, Generate):
        return costs.texts(cost, rows(base, item), outcome.new_tokens)
    made = lora.examples(base, item.rows, item.row_tokens_max)
    lengths = [(len(example.tokens), len(example.tokens) - example.start) for example in made]
    shared = common_tokens([example.tokens for example in made])
    return costs.training(cost, lengths, shared, item.per_device_train_batch_size, item.num_train_epochs, item.r)


def profile(models_dir: Path, shape: Shape | TrainShape, dtype: str, threads: int, speed: float) -> Profile:
    session = ours.session(models_dir, dtype)
    base = session.base(MODEL)
    item, warm = both(base, shape)
    session.run(warm, Watch())
    with Counting(base.model.config.vocab_size) as counting:
        outcome = session.run(item, Watch())
    needed = least(base, item, outcome)
    seconds = _unprofiled(models_dir, item, warm, dtype, threads)
    operators = sorted(((*name, t.calls, round(t.seconds, 3)) for name, t in counting.tallies.items()), key=_slowest)
    return Profile(
        work=work_of(shape),
        shape=str(shape),
        dtype=dtype,
        threads=threads,
        seconds=round(seconds, 3),
        parts={kind: Part(round(p.seconds, 3), round(p.gflops, 1)) for kind, p in parts(counting, seconds).items()},
        least=needed,
        attainable=round(speed, 1),
        times=round(seconds / (needed / speed / 1e9), 2),
        operators=operators[:TOP],
        machine=measurement.machine(),
        engine=engine_digest(),
    )


def _slowest(operator: tuple[str, str, int, float]) -> float:
    return -operator[3]


def _unprofiled(models_dir: Path, item: Item, warm: Item, dtype: str, threads: int) -> float:
    engine = ours.runner(models_dir, dtype, threads)
    try:
        ours.timed(engine, warm)
        seconds, _ = ours.timed(engine, item)
    finally:
        engine.close()
    return seconds


def run(given: argparse.Namespace) -> Iterator[Profile]:
    torch.set_num_threads(given.threads)
    for dtype in dict.fromkeys(map(ours.allowed, given.dtype)):
        speed = attainable(dtype)
        for shape in given.shapes:
            yield profile(places.models_dir(), shape, dtype, given.threads, speed)


def table(found: Sequence[Profile]) -> str:
    return "\n".join([HEADER, "|" + " --- |" * 11, *(one.line() for one in found)])


def read(file: Path) -> list[Profile]:
    return [_read(one) for one in json.loads(file.read_text())["profiles"]]


def _read(one: dict[str, Any]) -> Profile:
    kinds = {kind: Part(**part) for kind, part in one["parts"].items()}
    return Profile(**one | {"parts": kinds, "operators": [tuple(operator) for operator in one["operators"]]})


def save(file: Path, found: Sequence[Profile]) -> None:
    """A newer profile takes the place of an older one of the same work."""
    old = read(file) if file.is_file() else []
    whole = {one.key: one for one in [*old, *found]}
    file.write_text(json.dumps({"profiles": [asdict(one) for one in whole.values()]}, indent=2) + "\n")


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=SHAPES, help="P/S/N/L (L of 0: JSON) and rows/tokens/epochs, with commas")
    parser.add_argument("--dtype", default=f"{FLOAT32},{BFLOAT16}", help="comma-separated")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="merged with what the file has")
    given = parser.parse_args(argv)
    try:
        given.shapes = [shapes.any_shape(part) for part in given.shapes.split(",")]
        given.dtype = [measurement.dtype(part) for part in given.dtype.split(",")]
    except ValueError as error:
        parser.error(str(error))
    return given


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    found = []
    print(measurement.machine(), flush=True)
    for one in run(given):
        found.append(one)
        print(f"{one.work} {one.shape} {one.dtype}: {one.seconds:.2f} s, slowest operators", flush=True)
        for kind, name, calls, seconds in one.operators:
            print(f"  {seconds:8.3f} s  {calls:7d} calls  {kind}: {name}")
        if given.json:
            save(given.json, found)
    print(table(found))


if __name__ == "__main__":
    allocator.same_for_all()
    main()
