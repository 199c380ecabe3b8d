"""Writes and lists files in the site's private stores, whether they are folders or prefixes in an S3 bucket."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage
from django.utils import timezone

# The stores that a backup must contain, because no command can create their content again: bundles, raw outputs of
# models, adapters, and files that Django was given.
KEPT = ("private", "artifacts", "default")
PIECE = 2**20
# The folder of private storage with the embeddings of gold answers, which all workers share, and its size.
GOLD_VECTORS, GOLD_BYTES_MAX = "embeddings/", 4 * 1024**3


@dataclass(frozen=True)
class StoredFile:
    """A file in a store. `size` is in bytes; `name` is relative to the store."""

    name: str
    size: int
    modified: datetime


def is_away(error: BaseException) -> bool:
    """Whether an error is one of the disk or the bucket. boto3, which not every site has, derives its own from none."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in ("botocore", "boto3")


def put(store: Storage, name: str, content: IO[bytes]) -> None:
    """Stores a file under `name`, which exists only with the whole content, whatever happens to the process.

    `name` must be made of the content's digest. A file that is there with other content, which a full disk or an
    earlier release left, is written again; one with the same content is as old as a new one afterwards.
    """
    if not isinstance(store, FileSystemStorage):
        # A bucket shows an object only when it has arrived whole.
        store.save(name, File(content))
        return
    path = Path(store.path(name))
    if _refreshed(path, content):
        return
    unfinished = str(PurePosixPath(name).with_name(f".{secrets.token_hex(8)}.part"))
    try:
        store.save(unfinished, File(content))
        _sync(Path(store.path(unfinished)))
        Path(store.path(unfinished)).replace(path)
    except BaseException:
        store.delete(unfinished)
        raise
    _sync(path.parent)


def _refreshed(path: Path, content: IO[bytes]) -> bool:
    """Whether the file has this content. If so, it counts as just written."""
    content.seek(0)
    try:
        with path.open("rb") as kept:
            while piece := content.read(PIECE):
                if kept.read(PIECE) != piece:
                    return False
            if kept.read(1):
                return False
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def walk(store: Storage, prefix: str = "") -> Iterator[StoredFile]:
    """Yields the files in the folder `prefix`, which must be empty or end in `/`. Files that vanish are left out.

    An S3 bucket is listed page by page, because listing folder by folder would take one request for each evaluation.
    """
    yield from (_in_folder(store, prefix) if isinstance(store, FileSystemStorage) else _in_bucket(store, prefix))


def delete_unused(store: Storage, folder: str, unused_for: timedelta, bytes_max: int) -> int:
    """Deletes files that were written longer ago, and the oldest where all together are larger than `bytes_max`.

    Returns the number of files.
    """
    total, deleted, oldest = 0, 0, timezone.now() - unused_for
    for file in sorted(walk(store, folder), key=lambda file: file.modified, reverse=True):
        total += file.size
        if total > bytes_max or file.modified < oldest:
            store.delete(file.name)
            deleted += 1
    return deleted


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
