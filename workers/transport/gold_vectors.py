"""Embeddings of gold answers to free-text questions, in the site's private storage for all workers beside it."""

from __future__ import annotations

import os
from datetime import datetime
from io import BytesIO
from typing import Any

import structlog
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.models import F

from challenges.kinds import registry as kinds
from graders.free_text.verifier.estimate import fixed_texts
from gradus import private_files, retention
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion
from workers.embedding_store import EmbeddedOnce, Store
from workers.execute import OnEvent, ShouldStop
from workers.sandbox.supervisor import Stopped

log = structlog.get_logger(__name__)

FOLDER = private_files.GOLD_VECTORS


class GoldStore(Store):
    """A store in one of the site's stores, under `FOLDER`."""

    def __init__(self, storage: Storage | None = None, bytes_max: int = private_files.GOLD_BYTES_MAX) -> None:
        self.storage: Any = storage or storages["private"]
        self.bytes_max = bytes_max

    def read(self, name: str) -> bytes | None:
        if not self.storage.exists(FOLDER + name):
            return None
        with self.storage.open(FOLDER + name) as file:
            content: bytes = file.read()
            return content

    def write(self, name: str, content: bytes) -> None:
        if not isinstance(self.storage, FileSystemStorage):
            # Storages of objects replace them as a whole, but give another name where this one is taken.
            self.storage.delete(FOLDER + name)
        private_files.put(self.storage, FOLDER + name, BytesIO(content))

    def delete(self, name: str) -> None:
        self.storage.delete(FOLDER + name)

    def modified(self, name: str) -> datetime:
        moment: datetime = self.storage.get_modified_time(FOLDER + name)
        return moment

    def touch(self, name: str, content: bytes) -> None:
        if isinstance(self.storage, FileSystemStorage):
            os.utime(self.storage.path(FOLDER + name))
        else:
            self.write(name, content)

    def delete_old(self) -> int:
        return private_files.delete_unused(self.storage, FOLDER, retention.VECTORS.time, self.bytes_max)


def warm(embedded: EmbeddedOnce, on_event: OnEvent, should_stop: ShouldStop) -> None:
    """Embeds the gold answers of each current free-text question once; other threads of the lane wait meanwhile.

    A question whose embeddings cannot be computed now is skipped: its first grade will compute them, or fail with the
    same error.
    """
    with embedded.warming:
        for question in questions(embedded.warmed):
            try:
                embedded.know(fixed_texts(bundles.load(question)), on_event, should_stop)
            except Stopped:
                return
            except Exception as error:  # any error: a grade will raise it again and report it
                log.warning("gold_not_embedded", question=question.pk, reason=type(error).__name__)
            embedded.warmed.add(question.digest)


def questions(without: set[str]) -> list[ChallengeVersion]:
    """The current versions of free-text challenges whose digest is not in `without`."""
    current = ChallengeVersion.objects.filter(challenge__version=F("pk"), spec__kind__in=kinds.judged())
    return list(current.exclude(digest__in=without).order_by("pk"))
