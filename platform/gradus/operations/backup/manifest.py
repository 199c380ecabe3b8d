"""What a backup says of itself: versions, migrations, and each file with its digest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

NAME = "manifest.json"


class BackupError(Exception):
    """Says what is wrong with a backup or its target, and how to mend it."""


class Part(BaseModel):
    """`path` is below the backup's folder; `size` in bytes."""

    path: str
    size: int
    sha256: str


class Manifest(BaseModel):
    """`server` is the database server's major version, 0 for SQLite; `migrations` are `app.name`, those applied."""

    format: Literal[1] = 1
    version: str
    made_at: str
    vendor: Literal["sqlite", "postgresql"]
    server: int
    migrations: list[str]
    database: Part
    secret_key: Part | None = None
    # By store, then by the name there.
    files: dict[str, dict[str, Part]]
    missing: list[str] = []

    def parts(self) -> list[Part]:
        found = [self.database, *(part for kept in self.files.values() for part in kept.values())]
        return [*found, self.secret_key] if self.secret_key else found


def part_of(root: Path, path: Path) -> Part:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Part(path=path.relative_to(root).as_posix(), size=path.stat().st_size, sha256=digest)


def read(root: Path) -> Manifest:
    """Checks every digest.

    Raises:
        BackupError: it is no backup, or not whole.
    """
    try:
        manifest = Manifest.model_validate_json((root / NAME).read_bytes())
    except FileNotFoundError:
        raise BackupError(f"{root} is no backup: it has no {NAME}. A backup that was cut off never gets one.") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BackupError(f"{NAME} is not readable: {first['loc']}: {first['msg']}. Take another backup.") from None
    wrong = [problem for part in manifest.parts() if (problem := _problem(root, part))]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise BackupError(f"The backup is broken: {'; '.join(wrong[:5])}{more}. Nothing was changed. Take another one.")
    return manifest


def _problem(root: Path, part: Part) -> str:
    path = (root / part.path).resolve()
    if not path.is_relative_to(root.resolve()):
        return f"{part.path} lies outside"
    if not path.is_file():
        return f"{part.path} is missing"
    return "" if part_of(root, root / part.path) == part else f"{part.path} differs from its digest"
