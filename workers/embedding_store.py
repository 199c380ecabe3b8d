"""One store of sentence embeddings: those of gold answers to free-text questions, and those of passages to look up.

To embed hundreds of texts takes longer on a busy machine than one grade may last. So embeddings are kept in files:
those of gold answers in private storage, where all workers find them, and those of passages on the worker's own disk.
A worker of the lane `judge` also holds the gold answers' in memory, before it claims its first answer.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from challenges.files.writing import write_whole
from challenges.jobs import VECTORS_KEPT
from challenges.models.catalogue import EMBEDDINGS_PACKAGE
from graders.base import Embed, Embedded, Retrieve
from workers.engine import model_files
from workers.execute import OnEvent, Running, ShouldStop
from workers.sandbox import launch

log = structlog.get_logger(__name__)

PASSAGES_FOLDER, PASSAGES_BYTES_MAX = "passage-vectors", 256 * 1024**2
# A use is noted once a day, because a file has to be written again for it.
NOTED = timedelta(days=1)
# The gold answers of one question.
SECONDS = 900.0
# As many as a runner keeps indexes: an index before an update and one after it, for a few ways of cutting.
GIVEN = 8
# Passages of one message to the runner, which is JSON.
PART = 500

Vectors = NDArray[np.float32]
"""`[texts, 384]`, each row of length 1."""


class Store(ABC):
    """Embeddings in files, each named by a digest of its texts, in their order, and of the embedding model's version.

    A file begins with the SHA-256 of the rest, so that one that was cut or changed is noticed. What was not used for
    `VECTORS_KEPT` is deleted, and what was unused for longest where all files together are too large. A fault of the
    disk only costs time.
    """

    def load(self, texts: Sequence[str]) -> Vectors | None:
        """One row for each text; None if they are not kept, or the file is damaged, which is deleted."""
        name = name_of(texts)
        try:
            content = self.read(name)
            if content is None:
                return None
            vectors = _read(content, len(texts))
        except (ValueError, EOFError) as error:
            log.warning("damaged_vectors", name=name, reason=type(error).__name__)
            with suppress(Exception):
                self.delete(name)
            return None
        except Exception as error:  # any error of a store: then the vectors are computed again
            log.warning("vectors_not_read", name=name, reason=type(error).__name__)
            return None
        try:
            if datetime.now(UTC) - self.modified(name) > NOTED:
                self.touch(name, content)
        except Exception as error:  # any error of a store: the vectors have been read
            log.warning("use_of_vectors_not_noted", name=name, reason=type(error).__name__)
        return vectors

    def save(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Keeps the embeddings, and deletes what is old or too much."""
        content = content_of(vectors)
        try:
            self.write(name_of(texts), hashlib.sha256(content).digest() + content)
            self.delete_old()
        except Exception as error:  # any error of a store: the vectors are there, and are computed again next time
            log.warning("vectors_not_kept", reason=type(error).__name__)

    @abstractmethod
    def read(self, name: str) -> bytes | None:
        """The content of a file, None where it is not there. This and what follows raise what the store raises."""

    @abstractmethod
    def write(self, name: str, content: bytes) -> None:
        """Puts the whole content in the place of what is there; a reader never meets a part of it."""

    @abstractmethod
    def delete(self, name: str) -> None: ...

    @abstractmethod
    def modified(self, name: str) -> datetime: ...

    @abstractmethod
    def touch(self, name: str, content: bytes) -> None:
        """Makes a file with this content as old as a new one."""

    @abstractmethod
    def delete_old(self) -> int:
        """Deletes what was not used for too long, or is too much; returns the number of files."""


class PassageStore(Store):
    """The store of passages' embeddings, in a folder on this worker's disk."""

    def __init__(self, folder: Path | None = None, bytes_max: int = PASSAGES_BYTES_MAX) -> None:
        self.folder = folder or model_files.data_dir() / PASSAGES_FOLDER
        self.bytes_max = bytes_max

    def read(self, name: str) -> bytes | None:
        file = self.folder / name
        return file.read_bytes() if file.exists() else None

    def write(self, name: str, content: bytes) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self.folder / name, content, mode=0o600)

    def delete(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def modified(self, name: str) -> datetime:
        return datetime.fromtimestamp((self.folder / name).stat().st_mtime, UTC)

    def touch(self, name: str, content: bytes) -> None:
        os.utime(self.folder / name)

    def delete_old(self) -> int:
        total, deleted, oldest = 0, 0, datetime.now(UTC) - VECTORS_KEPT
        files = [(self.modified(file.name), file) for file in self.folder.glob("*.vectors")]
        for modified, file in sorted(files, reverse=True):
            total += file.stat().st_size
            if total > self.bytes_max or modified < oldest:
                file.unlink()
                deleted += 1
        return deleted


def name_of(texts: Sequence[str]) -> str:
    return f"{key_of(texts)}.vectors"


def key_of(texts: Sequence[str]) -> str:
    """A digest of the texts and of the embedding model's version."""
    return hashlib.sha256(json.dumps([model_version(), *texts]).encode()).hexdigest()


def model_version() -> str:
    """The package of the embedding model, with its version."""
    try:
        return f"{EMBEDDINGS_PACKAGE} {version(EMBEDDINGS_PACKAGE)}"
    except PackageNotFoundError:
        return EMBEDDINGS_PACKAGE


def content_of(vectors: Vectors) -> bytes:
    """The array in numpy's format."""
    buffer = io.BytesIO()
    np.save(buffer, vectors, allow_pickle=False)
    return buffer.getvalue()


def _read(content: bytes, rows: int) -> Vectors:
    """Raises ValueError where the content is not what was stored, or has another shape."""
    digest, array = content[:32], content[32:]
    if digest != hashlib.sha256(array).digest():
        raise ValueError("another content")
    vectors = np.load(io.BytesIO(array), allow_pickle=False)
    if vectors.ndim != 2 or vectors.shape[0] != rows or vectors.dtype != np.float32:
        raise ValueError("another shape")
    if not np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3):
        raise ValueError("not embeddings")
    return np.asarray(vectors, dtype=np.float32)


class EmbeddedOnce:
    """Wraps a runner, which then embeds only the texts whose embeddings are not kept.

    Embeddings of gold answers come from memory. The runner is given those of passages in a file, because it may read
    only what it is given. All other work goes to the runner as it is. `worked` is the clock of the runner's work.
    """

    def __init__(
        self, runner: Running, gold: Store | None, passages: Store, worked: Callable[[], float] = time.monotonic
    ) -> None:
        self.runner, self.gold, self.passages, self.worked = runner, gold, passages, worked
        self._known: dict[str, Vectors] = {}
        # The digests of questions whose gold answers are known, and who makes more of them known.
        self.warmed: set[str] = set()
        self.warming = threading.Lock()

    def know(self, texts: Sequence[str], on_event: OnEvent, should_stop: ShouldStop) -> None:
        """Holds the embeddings of gold answers in memory. Raises what the runner raises."""
        vectors = self._kept(self.gold, texts, lambda item: self._run(item, on_event, should_stop, SECONDS))
        self._known.update(zip(texts, vectors, strict=True))

    def run(self, item: Any, *, on_event: OnEvent, should_stop: ShouldStop, seconds: float) -> Any:
        """Does what the runner's `run` does, and raises what it raises."""
        end = self.worked() + seconds

        def run(one: Any) -> Any:
            return self._run(one, on_event, should_stop, end - self.worked())

        if isinstance(item, Embed):
            return self._embedded(item, run)
        if isinstance(item, Retrieve) and item.method != "words" and item.passages:
            vectors = self._kept(self.passages, item.passages, run, item.stage)
            item = replace(item, vectors=given(item.passages, vectors))
        return run(item)

    def _run(self, item: Any, on_event: OnEvent, should_stop: ShouldStop, seconds: float) -> Any:
        return self.runner.run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)

    def _embedded(self, item: Embed, run: Callable[[Any], Any]) -> Embedded:
        """Asks the runner only for texts that are not in memory."""
        new = tuple(text for text in dict.fromkeys(item.texts) if text not in self._known)
        own: dict[str, list[float]] = {}
        if new:
            own = dict(zip(new, run(replace(item, texts=new)).vectors, strict=True))
        return Embedded([own[text] if text in own else self._known[text].tolist() for text in item.texts])

    def _kept(
        self, store: Store | None, texts: Sequence[str], run: Callable[[Any], Any], stage: str = "embed"
    ) -> Vectors:
        """The texts' embeddings from the store; where they are not in it, they are computed and kept."""
        vectors = None if store is None else store.load(texts)
        if vectors is None:
            parts = [tuple(texts[start : start + PART]) for start in range(0, len(texts), PART)]
            embedded: list[Embedded] = [run(Embed(part, stage)) for part in parts]
            vectors = np.asarray([vector for one in embedded for vector in one.vectors], dtype=np.float32)
            if store is not None:
                store.save(texts, vectors)
            log.info("embedded", texts=len(texts))
        return vectors


def given(passages: Sequence[str], vectors: Vectors) -> str:
    """The path of a file with the vectors that the runner may read; empty where the disk takes none."""
    folder = launch.given_folder()
    path = folder / f"{key_of(passages)}.npy"
    try:
        if not path.exists():
            # The runner reads it as another user.
            write_whole(path, content_of(vectors), mode=0o644)
        os.utime(path)
        for old in sorted(folder.glob("*.npy"), key=lambda file: file.stat().st_mtime, reverse=True)[GIVEN:]:
            old.unlink(missing_ok=True)
    except OSError as error:
        log.warning("vectors_not_given", reason=type(error).__name__)
        return ""
    return str(path)
