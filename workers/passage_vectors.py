"""Keeps the sentence embeddings of passages on the worker's disk, so that a restart does not compute them again.

A runner may read only what it is given. So the worker keeps the vectors, and lays a copy where its runner can read it.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from graders.base import Embed, Embedded, Retrieve
from workers.execute import Running
from workers.gold_vectors import model_version
from workers.sandbox import launch

log = structlog.get_logger(__name__)

Vectors = NDArray[np.float32]
FOLDER = "passage-vectors"
BYTES_MAX = 256 * 1024 * 1024
DAYS_MAX = 30
DAY = 86_400.0
# As many as a runner keeps indexes: an index before an update and one after it, for a few ways of cutting.
GIVEN = 8
# Passages of one message to the runner, which is JSON.
PART = 500


class PassageVectors:
    """Wraps a runner: it gives the runner the vectors of passages that are looked up, and keeps them in `folder`.

    All other work goes to the runner as it is. `worked` is the clock of the runner's work.
    """

    def __init__(self, runner: Running, folder: Path, worked: Callable[[], float] = time.monotonic) -> None:
        self.runner, self.worked = runner, worked
        self.kept = Kept(folder)

    def run(
        self, item: Any, *, on_event: Callable[[dict[str, Any]], None], should_stop: Callable[[], bool], seconds: float
    ) -> Any:
        """Does what the runner's `run` does. Raises what it raises; a fault of the disk only costs time."""
        end = self.worked() + seconds

        def run(one: Any) -> Any:
            left = end - self.worked()
            return self.runner.run(one, on_event=on_event, should_stop=should_stop, seconds=left)

        if not isinstance(item, Retrieve) or item.method == "words" or not item.passages:
            return run(item)
        vectors = self.kept.load(item.passages)
        if vectors is None:
            vectors = _embedded(item, run)
            self.kept.save(item.passages, vectors)
        return run(replace(item, vectors=given(item.passages, vectors)))


def _embedded(item: Retrieve, run: Callable[[Any], Any]) -> Vectors:
    parts = [item.passages[start : start + PART] for start in range(0, len(item.passages), PART)]
    found: list[Embedded] = [run(Embed(part, item.stage)) for part in parts]
    return np.asarray([vector for one in found for vector in one.vectors], dtype=np.float32)


def given(passages: Sequence[str], vectors: Vectors) -> str:
    """The path of a file with the vectors that the runner may read; empty where the disk takes none."""
    folder = launch.given_folder()
    path = folder / f"{key_of(passages)}.npy"
    try:
        if not path.exists():
            write(path, content_of(vectors), mode=0o644)
        os.utime(path)
        for old in newest_first(folder)[GIVEN:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        log.warning("passage_vectors_not_given", reason=type(error).__name__)
        return ""
    return str(path)


class Kept:
    """Vectors by the digest of the passages and of the embedding model, each in one file of `folder`.

    A file's name holds the digest of its content as well. What was not used for `DAYS_MAX` days is removed, and the
    longest unused where all are larger than `BYTES_MAX`.
    """

    def __init__(self, folder: Path, bytes_max: int = BYTES_MAX) -> None:
        self.folder = folder
        self.bytes_max = bytes_max

    def load(self, passages: Sequence[str]) -> Vectors | None:
        """One row of length 1 for each passage; None if they are not kept, or the file is damaged, which is removed."""
        for path in self.folder.glob(f"{key_of(passages)}.*.npy"):
            try:
                vectors = _read(path, len(passages))
                os.utime(path)
            except (OSError, ValueError, EOFError) as error:
                log.warning("damaged_passage_vectors", name=path.name, reason=type(error).__name__)
                with suppress(OSError):
                    path.unlink(missing_ok=True)
            else:
                return vectors
        return None

    def save(self, passages: Sequence[str], vectors: Vectors) -> None:
        """Keeps the vectors, and removes what is old or too much. A fault of the disk is only logged."""
        content = content_of(vectors)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write(self.folder / f"{key_of(passages)}.{_digest(content)}.npy", content)
            self._prune()
        except OSError as error:
            log.warning("passage_vectors_not_kept", reason=type(error).__name__)

    def _prune(self) -> None:
        total, oldest = 0, time.time() - DAYS_MAX * DAY
        for path in newest_first(self.folder):
            with suppress(FileNotFoundError):
                state = path.stat()
                total += state.st_size
                if total > self.bytes_max or state.st_mtime < oldest:
                    path.unlink()


def key_of(passages: Sequence[str]) -> str:
    """A digest of the passages and of the embedding model's version."""
    return hashlib.sha256(json.dumps([model_version(), *passages]).encode()).hexdigest()


def content_of(vectors: Vectors) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, vectors, allow_pickle=False)
    return buffer.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _read(path: Path, rows: int) -> Vectors:
    """Raises ValueError where the file is not what its name says, or has another shape."""
    content = path.read_bytes()
    if path.name.split(".")[1] != _digest(content):
        raise ValueError("another content")
    found = np.load(io.BytesIO(content), allow_pickle=False)
    if found.ndim != 2 or found.shape[0] != rows or found.dtype != np.float32:
        raise ValueError("another shape")
    return np.asarray(found, dtype=np.float32)


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Writes a whole file or none."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def newest_first(folder: Path) -> list[Path]:
    """The files of vectors in a folder, and what a killed worker has left half-written."""
    return [path for _, path in sorted(_aged(folder), reverse=True)]


def _aged(folder: Path) -> Iterator[tuple[float, Path]]:
    for path in (*folder.glob("*.npy"), *folder.glob("*.part")):
        with suppress(FileNotFoundError):
            yield path.stat().st_mtime, path
