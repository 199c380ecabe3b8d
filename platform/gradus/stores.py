"""Lists the files in the site's private stores, whether they are folders or prefixes in an S3 bucket."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage

# The stores that a backup must contain, because no command can create their content again: bundles, raw outputs of
# models, adapters, and files that Django was given.
KEPT = ("private", "artifacts", "default")


@dataclass(frozen=True)
class StoredFile:
    """A file in a store. `size` is in bytes; `name` is relative to the store."""

    name: str
    size: int
    modified: datetime


def walk(store: Storage, prefix: str = "") -> Iterator[StoredFile]:
    """Yields the files in the folder `prefix`, which must be empty or end in `/`. Files that vanish are left out.

    An S3 bucket is listed page by page, because listing folder by folder would take one request for each evaluation.
    """
    yield from (_in_folder(store, prefix) if isinstance(store, FileSystemStorage) else _in_bucket(store, prefix))


def _in_folder(store: FileSystemStorage, prefix: str) -> Iterator[StoredFile]:
    root = Path(store.location)
    for path in sorted((root / prefix).rglob("*")):
        try:
            if path.is_file():
                kept = path.stat()
                name = path.relative_to(root).as_posix()
                yield StoredFile(name, kept.st_size, datetime.fromtimestamp(kept.st_mtime, UTC))
        except FileNotFoundError:
            continue


def _in_bucket(store: Any, prefix: str) -> Iterator[StoredFile]:
    place = f"{store.location.strip('/')}/"
    for stored in store.bucket.objects.filter(Prefix=place + prefix):
        yield StoredFile(stored.key.removeprefix(place), stored.size, stored.last_modified)
