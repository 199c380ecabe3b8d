"""Finds the choice of the engine for a base model, and has it measured where none is kept yet."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from workers.engine import model_files
from workers.engine.choice import PLAIN, Choice, Place, only_plain
from workers.engine.watch import Stopped

LOCK = "engine-timer.lock"
POLL_SECONDS = 0.1

Measure = Callable[[], Choice]
ShouldStop = Callable[[], bool]


class Choices(Protocol):
    """Where choices are kept."""

    def find(self, place: Place) -> Choice | None:
        """The choice that is kept for `place`."""

    def keep(self, place: Place, choice: Choice) -> Choice:
        """Keeps the choice, and returns the one that counts: the first that was kept."""


class InMemory:
    """Implements `Choices` for one runner, where nothing else keeps them."""

    def __init__(self) -> None:
        self._kept: dict[Place, Choice] = {}

    def find(self, place: Place) -> Choice | None:
        return self._kept.get(place)

    def keep(self, place: Place, choice: Choice) -> Choice:
        return self._kept.setdefault(place, choice)


class FileChoices:
    """Implements `Choices` in one JSON file, for an author's command line, benchmarks and tests."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def find(self, place: Place) -> Choice | None:
        kept = self._read().get(place.key)
        return None if kept is None else Choice.from_json(kept)

    def keep(self, place: Place, choice: Choice) -> Choice:
        with locked(self._file.with_suffix(".lock")):
            kept = self._read()
            first = Choice.from_json(kept.setdefault(place.key, choice.as_json()))
            unfinished = self._file.with_suffix(".new")
            unfinished.write_text(json.dumps(kept, indent=2) + "\n")
            unfinished.replace(self._file)
        return first

    def _read(self) -> dict[str, Any]:
        kept: dict[str, Any] = json.loads(self._file.read_text()) if self._file.is_file() else {}
        return kept


class Chosen:
    """The choices that one runner has used, found in `choices` or measured on first use."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._used = InMemory()

    def find(self, place: Place, measure: Measure, should_stop: ShouldStop) -> Choice:
        """The choice for `place`; calls `measure` if none is kept, while no other process of this machine measures.

        With `GRADUS_ENGINE=plain` it is `PLAIN`, and nothing is kept. Raises `Stopped` if `should_stop` returns true
        while another process measures, and what `measure` raises.
        """
        if only_plain():
            return PLAIN
        if (used := self._used.find(place)) is not None:
            return used
        return self._used.keep(place, self._choices.find(place) or self._measured(place, measure, should_stop))

    def _measured(self, place: Place, measure: Measure, should_stop: ShouldStop) -> Choice:
        with alone_on_machine(should_stop):
            # Another process may have measured the same while this one waited for the lock.
            return self._choices.find(place) or self._choices.keep(place, measure())


@contextmanager
def alone_on_machine(should_stop: ShouldStop) -> Iterator[None]:
    """Holds the lock of the one process that may measure on this machine. Raises `Stopped` if told so while it waits.

    The kernel frees the lock of a process that dies. Without any folder in which the lock's file can be made, the
    measurement goes ahead: figures that another process disturbs are better than no grade.
    """
    handle = _lock_file()
    try:
        while handle is not None and not _taken(handle):
            if should_stop():
                raise Stopped
            time.sleep(POLL_SECONDS)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock_file() -> int | None:
    """An open file in the data folder, or else in the temporary folder, where each user has one."""
    for file in (model_files.data_dir() / LOCK, Path(tempfile.gettempdir()) / f"gradus-{os.getuid()}-{LOCK}"):
        with suppress(OSError):
            return os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    return None


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # The file system has no locks.
        return True
    return True


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Holds an exclusive lock on `file`, which may be empty; waits for whichever process has it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
