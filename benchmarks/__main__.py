"""The eight standard shapes beside the fastest peer, in both dtypes, and the distance from the machine's limit.

`python -m benchmarks` begins nothing new after `--minutes 30`, installing the peers not counted, and keeps its figures
in the file of this kind of machine in `benchmarks/results`. All options of `benchmarks.inference` and of the speed of
training in `benchmarks.lora` are taken.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from benchmarks import allocator, catalogue, inference, lora, options, profile
from benchmarks.figures import machines, measurement
from benchmarks.figures.measurement import Measurement
from benchmarks.figures.record import FOLDER
from benchmarks.work import shapes

MINUTES = 30


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = options.parser(__doc__, shapes.STANDARD, f"{shapes.FORM}; {shapes.TRAINING_FORM}")
    options.beside(parser, catalogue.INFERENCE | catalogue.TRAINING, MINUTES)
    inference.add(parser)
    lora.add(parser)
    parser.set_defaults(speed_only=True, losses_only=False)
    readers = {"shapes": lambda given: options.each(given.shapes, shapes.any_shape), "json": _file}
    return options.read(
        parser, argv, inference.READERS | lora.READERS | readers, catalogue.INFERENCE | catalogue.TRAINING
    )


def _file(given: argparse.Namespace) -> object:
    machine = machines.name(given.device, random_weights=given.random_weights)
    return given.json or FOLDER / f"{machines.slug(machine)}.json"


def run(given: argparse.Namespace) -> Iterator[Measurement]:
    yield from inference.run(given)
    yield from lora.run(given)


def main(argv: Sequence[str] | None = None) -> None:
    given = arguments(argv)
    options.carry_out(given, run)
    default = [shape for shape in given.shapes if str(shape) == shapes.DEFAULT]
    profile.report(profile.run(argparse.Namespace(**vars(given) | {"shapes": default})), given.record)
    print(measurement.table(given.record.new))
    options.finish(given.record)


if __name__ == "__main__":
    allocator.same_for_all()
    main()
