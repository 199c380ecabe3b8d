"""What lies in the private stores, whichever kind they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, Storage

# Everything that no command makes anew: bundles, raw outputs, adapters, and whatever Django itself was given.
KEPT = ("private", "artifacts", "default")


@dataclass(frozen=True)
class StoredFile:
    """`size` in bytes."""

    name: str
    size: int
    modified: datetime


def walk(store: Storage, prefix: str = "") -> Iterator[StoredFile]:
    """Files whose name begins with the folder `prefix` (ends in `/`, or empty); what vanishes meanwhile is left out.

    An object store is listed page by page: to ask folder by folder would take a request for each evaluation.
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
    for found in store.bucket.objects.filter(Prefix=place + prefix):
        yield StoredFile(found.key.removeprefix(place), found.size, found.last_modified)
