"""What all side-by-side commands take on their command line, and the loop that prints and saves what they yield."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import catalogue, venvs
from benchmarks.catalogue import Peer
from benchmarks.figures import headline, machines
from benchmarks.figures.measurement import Measurement
from benchmarks.figures.record import Record
from benchmarks.work import random_weights
from workers.engine import model_files

Reader = Callable[[argparse.Namespace], Any]


def parser(about: str | None, shapes: str, form: str) -> argparse.ArgumentParser:
    """`shapes` is the default, `form` says how one is written."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--shapes", default=shapes, help=form)
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    made.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="for ours, the oracle and the peers")
    made.add_argument("--random-weights", action="store_true", help="the same configuration without its real weights")
    made.add_argument("--json", type=Path, help="a results file of this kind of machine; newer figures replace older")
    return made


def beside(parser: argparse.ArgumentParser, peers: Mapping[str, Peer], minutes: float | None = None) -> None:
    """Adds what commands take that measure us beside peers."""
    parser.add_argument("--peers", default="fastest", help=f"fastest, all, or some of: {', '.join(peers)}")
    parser.add_argument("--resume", action="store_true", help="leave out what the file has of this engine's very code")
    parser.add_argument("--minutes", type=float, default=minutes, help="begin with nothing new after so long")


def read(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    readers: Mapping[str, Reader],
    peers: dict[str, Peer] | None = None,
) -> argparse.Namespace:
    """Arguments with `readers` applied; a wrong one ends with the text of its error.

    `models_dir` is where the base model lies, `record` is the results file.
    """
    given = parser.parse_args(argv)
    try:
        machines.check(given.device)
        if peers is not None:
            given.peers = catalogue.chosen(peers, given.peers, given.device)
        for name, reader in readers.items():
            setattr(given, name, reader(given))
        machine = machines.name(given.device, random_weights=given.random_weights)
        given.record = Record(machine, given.json, getattr(given, "resume", False))
        given.models_dir = random_weights.folder() if given.random_weights else model_files.models_dir()
    except (ValueError, machines.NoGpu, random_weights.NoConfiguration) as error:
        parser.error(str(error))
    return given


def each(text: str, reader: Callable[[str], Any]) -> list[Any]:
    """Comma-separated parts."""
    return [reader(part) for part in text.split(",")]


def install(peers: Iterable[Peer]) -> None:
    """Makes the peers' environments, before the clock starts; one that cannot be made becomes rows that say why."""
    for name in dict.fromkeys(peer.environment for peer in peers):
        try:
            venvs.python(name)
        except venvs.NotInstalled as error:
            print(f"{name} cannot be installed: {error}", flush=True)


def carry_out(given: argparse.Namespace, run: Callable[[argparse.Namespace], Iterable[Measurement]]) -> None:
    """Installs what is missing, then measures within the time: each row is printed and saved as it comes."""
    install(given.peers)
    given.record.start(given.minutes)
    print(given.record.machine, flush=True)
    for row in run(given):
        given.record.add(row)
        print(row.line(), *([row.note] if row.note else []), sep="\n  ", flush=True)


def finish(record: Record) -> None:
    """Prints the shapes that were not reached, and for the whole file the headline and the distance from the limit."""
    if record.missed:
        print("The time is up; the same call with --resume goes on. Not reached:")
        print(*(f"- {what}" for what in record.missed), sep="\n")
    print(headline.headline(record.rows))
    if distance := headline.distance(record.results.profiles):
        print(distance)
