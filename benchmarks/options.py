"""What all side-by-side commands take on their command line, and the loop that prints and saves what they yield."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import catalogue, headline, measurement
from benchmarks.catalogue import Peer
from benchmarks.measurement import Measurement
from benchmarks.record import Record


def parser(about: str | None, peers: Mapping[str, Peer], shapes: str, form: str) -> argparse.ArgumentParser:
    """`shapes` is the default, `form` says how one is written."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--shapes", default=shapes, help=form)
    made.add_argument("--peers", default="", help=f"comma-separated, of: {', '.join(peers)}")
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    made.add_argument("--json", type=Path, help="one row per measurement; a newer row takes the place of an older one")
    made.add_argument("--resume", action="store_true", help="leave out what the file has of this engine's very code")
    made.add_argument("--minutes", type=float, help="begin with no other peer after so long")
    return made


def read(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    peers: dict[str, Peer],
    readers: Mapping[str, Callable[[argparse.Namespace], Any]],
) -> argparse.Namespace:
    """Arguments with `readers` applied; a wrong one ends with its `ValueError`'s text."""
    given = parser.parse_args(argv)
    try:
        given.peers = catalogue.chosen(peers, given.peers)
        for name, reader in readers.items():
            setattr(given, name, reader(given))
    except ValueError as error:
        parser.error(str(error))
    end = None if given.minutes is None else time.monotonic() + 60 * given.minutes
    given.record = Record(given.json, given.resume, end)
    return given


def each(text: str, reader: Callable[[str], Any]) -> list[Any]:
    """Comma-separated parts."""
    return [reader(part) for part in text.split(",")]


def report(rows: Iterable[Measurement], record: Record) -> None:
    """Each row as it comes, on the screen and in the file; the headline over the whole file last."""
    machine = measurement.machine()
    print(machine, flush=True)
    for row in rows:
        record.add(row)
        print(row.line(), *([row.note] if row.note else []), sep="\n  ", flush=True)
    if record.over:
        print("The time is up; the same call with --resume goes on.")
    print(headline.headline([row for row in record.rows if row.machine == machine]))
