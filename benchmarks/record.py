"""The file of rows that many short calls fill together."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from benchmarks.measurement import Key, Measurement

ENGINE = Path(__file__).resolve().parents[1] / "workers" / "engine"


def save(file: Path, rows: Sequence[Measurement]) -> None:
    """All or nothing: a call may be ended at any time."""
    text = json.dumps([asdict(row) for row in rows], indent=2) + "\n"
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_text(text)
    unfinished.replace(file)


def read(file: Path) -> list[Measurement]:
    known = {field.name for field in fields(Measurement)}
    return [Measurement(**{key: row[key] for key in row if key in known}) for row in json.loads(file.read_text())]


def merged(rows: Sequence[Measurement], row: Measurement) -> list[Measurement]:
    """`row` in the place of the one with the same key, else at the end."""
    if row.key not in {old.key for old in rows}:
        return [*rows, row]
    return [row if old.key == row.key else old for old in rows]


def engine_digest(folder: Path = ENGINE) -> str:
    """Of our engine's code: figures with the same one belong together."""
    found = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        found.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return found.hexdigest()[:12]


@dataclass
class Record:
    """Rows of `file`, if there is one. With `resume` what it has is not measured again; `end` is on the clock of
    `time.monotonic`, after which nothing new is begun."""

    file: Path | None = None
    resume: bool = False
    end: float | None = None

    def __post_init__(self) -> None:
        self.rows = read(self.file) if self.file and self.file.is_file() else []
        self.new: list[Measurement] = []

    def add(self, row: Measurement) -> None:
        self.rows, self.new = merged(self.rows, row), [*self.new, row]
        if self.file:
            save(self.file, self.rows)

    def has(self, key: Key, checkpoint: str, engine: str) -> bool:
        """Whether it need not be measured: with these very weights and this very engine it has been."""
        return self.resume and any((r.key, r.checkpoint, r.engine) == (key, checkpoint, engine) for r in self.rows)

    @property
    def over(self) -> bool:
        return self.end is not None and time.monotonic() >= self.end
