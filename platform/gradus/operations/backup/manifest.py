"""The manifest of a backup: its versions, its migrations, and each of its files with a digest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

NAME = "manifest.json"


class BackupError(Exception):
    """A backup cannot be taken or restored. The message says why, and what to do."""


class Part(BaseModel):
    """A file of a backup. `path` is relative to the backup's folder; `size` is in bytes."""

    path: str
    size: int
    sha256: str


class Manifest(BaseModel):
    """Describes a backup. `server` is PostgreSQL's major version, or 0 for SQLite.

    `migrations` are the ones that were applied, as `app.name`. `missing` are files that rows named but no store had.
    """

    format: Literal[1] = 1
    version: str
    made_at: str
    vendor: Literal["sqlite", "postgresql"]
    server: int
    migrations: list[str]
    database: Part
    secret_key: Part | None = None
    # The files of each store, by name.
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
    """Reads the manifest of the backup in the folder `root`, and checks the digest of every file.

    Raises:
        BackupError: the folder is not a backup, or the backup is incomplete or damaged.
    """
    try:
        manifest = Manifest.model_validate_json((root / NAME).read_bytes())
    except FileNotFoundError:
        raise BackupError(f"{root} is not a complete backup: it has no {NAME}, which is written last.") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise BackupError(f"{NAME} cannot be read: {first['loc']}: {first['msg']}. Use another backup.") from None
    wrong = [problem for part in manifest.parts() if (problem := _problem(root, part))]
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise BackupError(f"The backup is broken: {'; '.join(wrong[:5])}{more}. Nothing was changed. Use another one.")
    return manifest


def _problem(root: Path, part: Part) -> str:
    path = (root / part.path).resolve()
    if not path.is_relative_to(root.resolve()):
        return f"{part.path} lies outside the backup's folder"
    if not path.is_file():
        return f"{part.path} is missing"
    return "" if part_of(root, root / part.path) == part else f"{part.path} differs from its digest"
