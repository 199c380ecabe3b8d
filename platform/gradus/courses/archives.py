"""Keeps the archive of each content of a course in private storage, and reads the course out of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO

from django.core.files.base import File
from django.core.files.storage import storages

from challenges.authoring.archive import pack, sha256_of, unpack
from challenges.course_bundle import CourseBundle
from challenges.reading import read_course
from gradus import private_files
from gradus.courses.bundles import BundleMissing
from gradus.courses.models import CourseVersion


@dataclass(frozen=True)
class Archive:
    """An archive in private storage. `bytes` is its size."""

    sha256: str
    bytes: int


def path_of(sha256: str) -> str:
    return f"courses/{sha256}.zip"


def keep(file: IO[bytes]) -> Archive:
    """Stores an archive under its digest. Storing it again mends it if it is damaged."""
    sha256 = sha256_of(file)
    size = file.tell()
    private_files.put(storages["private"], path_of(sha256), file)
    return Archive(sha256, size)


def keep_folder(folder: Path) -> Archive:
    """Packs the folder of a course and stores the archive. Raises `BundleErrors` if it holds what cannot be packed."""
    with tempfile.TemporaryFile() as file:
        pack(folder, file)
        return keep(file)


def open_archive(version: CourseVersion) -> File[bytes]:
    """Opens the archive of a version.

    Raises:
        BundleMissing: no archive was kept, or private storage does not have it.
    """
    if not version.archive:
        raise BundleMissing(f"no archive of {version} was kept, because it was published by an earlier release")
    return _opened(version.archive)


@contextmanager
def unpacked(version: CourseVersion) -> Iterator[Path]:
    """Unpacks the archive of a version into a temporary folder. Raises `BundleMissing` as `open_archive` does."""
    with open_archive(version) as file, tempfile.TemporaryDirectory() as folder:
        unpack(file, Path(folder))
        yield Path(folder)


def bundle_of(version: CourseVersion) -> CourseBundle:
    """Returns the course that a version holds, with hidden rows, from its archive. Processes cache the last few.

    Raises:
        BundleMissing: no archive was kept, or private storage does not have it.
    """
    open_archive(version).close()
    return _bundle(version.archive)


@lru_cache(maxsize=2)
def _bundle(sha256: str) -> CourseBundle:
    with _opened(sha256) as file, tempfile.TemporaryDirectory() as folder:
        unpack(file, Path(folder))
        return read_course(folder)


def _opened(sha256: str) -> File[bytes]:
    store, path = storages["private"], path_of(sha256)
    if not store.exists(path):
        raise BundleMissing(f"private storage lacks {path}; push or import the course again")
    return store.open(path)
