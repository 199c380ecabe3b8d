"""What all side-by-side commands take on their command line, and the loop that prints and saves what they yield."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks import catalogue, measurement
from benchmarks.catalogue import Peer
from benchmarks.measurement import Measurement


def parser(about: str | None, peers: Mapping[str, Peer], shapes: str, form: str) -> argparse.ArgumentParser:
    """`shapes` is the default, `form` says how one is written."""
    made = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--shapes", default=shapes, help=form)
    made.add_argument("--peers", default="", help=f"comma-separated, of: {', '.join(peers)}")
    made.add_argument("--threads", type=int, default=torch.get_num_threads())
    made.add_argument("--json", type=Path, help="write one row per measurement")
    return made


def read(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    peers: dict[str, Peer],
    readers: Mapping[str, Callable[[str], Any]],
) -> argparse.Namespace:
    """Arguments with `readers` applied to each comma-separated part; a wrong one ends with its `ValueError`'s text."""
    given = parser.parse_args(argv)
    try:
        given.peers = catalogue.chosen(peers, given.peers)
        for name, reader in readers.items():
            setattr(given, name, [reader(part) for part in getattr(given, name).split(",")])
    except ValueError as error:
        parser.error(str(error))
    return given


def report(rows: Iterable[Measurement], file: Path | None) -> None:
    """Each row as it comes, on the screen and in `file`; the headline last."""
    print(measurement.machine(), flush=True)
    found: list[Measurement] = []
    for row in rows:
        found.append(row)
        print(row.line(), *([row.note] if row.note else []), sep="\n  ", flush=True)
        if file:
            measurement.save(file, found)
    print(measurement.headline(found))
