"""The results file of one kind of machine, which many calls fill together."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import limit
from benchmarks.figures.limit import Profile
from benchmarks.figures.measurement import Key, Measurement

ENGINE = Path(__file__).resolve().parents[2] / "workers" / "engine"
FOLDER = Path(__file__).resolve().parents[1] / "results"
One = TypeVar("One", Measurement, Profile)


@dataclass
class Results:
    """Rows beside peers, and profiles of our engine alone, of one kind of machine."""

    machine: str
    rows: list[Measurement] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)


def save(file: Path, results: Results) -> None:
    """All or nothing: a call may be ended at any time."""
    text = json.dumps(asdict(results), indent=2) + "\n"
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.replace(file)


def read(file: Path) -> Results:
    data = json.loads(file.read_text())
    known = {field.name for field in fields(Measurement)}
    rows = [Measurement(**{key: row[key] for key in row if key in known}) for row in data["rows"]]
    return Results(data["machine"], rows, [limit.read(one) for one in data["profiles"]])


def merged(kept: Sequence[One], new: One) -> list[One]:
    """`new` in the place of the one with the same key, else at the end."""
    if new.key not in {old.key for old in kept}:
        return [*kept, new]
    return [new if old.key == new.key else old for old in kept]


def engine_digest(folder: Path = ENGINE) -> str:
    """Of our engine's code: figures with the same one belong together."""
    found = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        found.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


class OtherMachine(ValueError):
    """The results file belongs to another kind of machine."""


@dataclass
class Record:
    """What `file`, if there is one, holds of `machine`, and what this call adds to it.

    With `resume`, what the file already has is not measured again. `missed` names what there was no time to begin.
    Raises `OtherMachine`.
    """

    machine: str
    file: Path | None = None
    resume: bool = False

    def __post_init__(self) -> None:
        self.results = read(self.file) if self.file and self.file.is_file() else Results(self.machine)
        if self.results.machine != self.machine:
            raise OtherMachine(f"{self.file} holds figures of {self.results.machine}; this is {self.machine}")
        self.new: list[Measurement] = []
        self.missed: list[str] = []
        self.end: float | None = None

    @property
    def rows(self) -> list[Measurement]:
        return self.results.rows

    def start(self, minutes: float | None) -> None:
        """From now on there are so many minutes, or as many as it takes."""
        self.end = None if minutes is None else time.monotonic() + 60 * minutes

    def begin(self, what: str) -> bool:
        """Whether there is time to begin with `what`; where there is none, it is noted as missed."""
        if self.end is None or time.monotonic() < self.end:
            return True
        self.missed.append(what)
        return False

    def add(self, row: Measurement) -> None:
        self.results.rows, self.new = merged(self.rows, row), [*self.new, row]
        self._save()

    def add_profile(self, profile: Profile) -> None:
        self.results.profiles = merged(self.results.profiles, profile)
        self._save()

    def has(self, key: Key, checkpoint: str, engine: str) -> bool:
        """Whether it need not be measured: with these very weights and this very engine it has been."""
        return self.resume and any((r.key, r.checkpoint, r.engine) == (key, checkpoint, engine) for r in self.rows)

    def _save(self) -> None:
        if self.file:
            save(self.file, self.results)
