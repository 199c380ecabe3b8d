"""Keeps what was trained where grading ran out of time, so that a later attempt at grading trains nothing.

The file lies in private storage. Its evaluation's row names it, with its digest and that of what it was trained from,
and only the holder of the fence can write these. A file of another evaluation, one with another content, and one that
was trained from something else are not used: the model is trained again.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

import structlog

from challenges.jobs import TRAINED, Job, StoredFile
from graders.base import Result, Train, Trained, WorkItem
from workers import status
from workers.execute import CarryOut
from workers.sandbox import adapter_files
from workers.transport.site import Site

log = structlog.get_logger(__name__)


class TrainedOnce:
    """Trains nothing that an earlier attempt at the evaluation has kept. What was kept is unpacked into `folder`."""

    def __init__(self, job: Job, site: Site, folder: Path) -> None:
        self._job, self._site, self._folder = job, site, folder
        self._trained: tuple[Train, Trained] | None = None

    def around(self, item: WorkItem, carry_out: CarryOut) -> Result:
        """Gives what was kept in place of a training run, and remembers what was trained."""
        if not isinstance(item, Train):
            return carry_out(item)
        if (kept := self._kept(item)) is not None:
            log.info("training_kept")
            return kept
        trained = carry_out(item)
        assert isinstance(trained, Trained)
        self._trained = (item, trained)
        return trained

    def keep(self) -> bool:
        """Stores what this attempt has trained, for the next one. Returns False if there is nothing or no next one.

        Raises:
            LeaseLost: another worker has this evaluation.
        """
        job = self._job
        if self._trained is None or not job.is_submission or job.attempt >= job.max_attempts:
            return False
        item, trained = self._trained
        with adapter_files.opened(Path(trained.files)) as files, tempfile.TemporaryFile() as buffer:
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
                adapter_files.pack(files, archive)
            digest = _digest(buffer)
            name = self._site.write(job, TRAINED, buffer)
        kept = {
            "file": name,
            "fence": job.fence,
            "sha256": digest,
            "source": _source(item),
            "result": {name: value for name, value in asdict(trained).items() if name != "files"},
        }
        self._site.keep_trained(job, kept)
        return True

    def _kept(self, item: Train) -> Trained | None:
        """What an earlier attempt has trained from the same; None if nothing can be used."""
        kept = self._job.trained
        if kept is None:
            return None
        try:
            if not kept["fence"] < self._job.fence or kept["source"] != _source(item):
                return None
            self._unpack(kept["file"], kept["sha256"])
            return Trained(files=str(self._folder), **kept["result"])
        except Exception as error:  # any error: a worker has written both, and the model can be trained again
            log.warning("kept_training_not_used", reason=type(error).__name__)
            return None

    def _unpack(self, name: str, digest: str) -> None:
        """Raises ValueError where the file is not what this evaluation has stored, or holds no trained model."""
        if not re.fullmatch(rf"trained/{self._job.id}/\d+(?:_\w+)?\.zip", name):
            raise ValueError("a file of another evaluation")
        with self._site.read(self._job, StoredFile("private", name)) as file:
            if _digest(file) != digest:
                raise ValueError("another content")
            with zipfile.ZipFile(file) as archive:
                adapter_files.unpack(archive, self._folder)
        with adapter_files.opened(self._folder):
            pass


@contextmanager
def trained_once(job: Job, site: Site) -> Iterator[TrainedOnce]:
    """What was kept lies in a folder for as long as the context lasts."""
    with adapter_files.folder() as folder:
        yield TrainedOnce(job, site, folder)


def _source(item: Train) -> str:
    """A digest of the training run and of the base model under it."""
    made_of = json.dumps([asdict(item), status.digests().get(item.model)], sort_keys=True)
    return hashlib.sha256(made_of.encode()).hexdigest()


def _digest(file: IO[bytes]) -> str:
    """Reads the file from its start, and leaves it there."""
    file.seek(0)
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    file.seek(0)
    return digest.hexdigest()
