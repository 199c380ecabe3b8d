"""Runs lint in a process of its own and of low priority, so that it never slows the pages down."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from challenges.lint.run import Linted
from gradus.preview.folder import Folder, Stamps

NICE = 10


class Checker:
    """Checks the newest content it was given, and calls `told` from a thread of its own with what lint has found."""

    def __init__(self, root: Path, told: Callable[[Linted], None]) -> None:
        context = multiprocessing.get_context("spawn")
        self.told = told
        self._asked = 0
        self._connection, theirs = context.Pipe()
        # A daemon process ends with this one.
        self._process = context.Process(target=check, args=(root, theirs), daemon=True)
        self._process.start()
        theirs.close()
        Thread(target=self._hear, daemon=True).start()

    def ask(self, stamps: Stamps) -> None:
        self._asked += 1
        self._connection.send((self._asked, stamps))

    def _hear(self) -> None:
        while True:
            try:
                asked, linted = self._connection.recv()
            except (EOFError, OSError):
                return
            if asked == self._asked:
                self.told(linted)

    def close(self) -> None:
        self._process.kill()
        self._process.join()


def check(root: Path, connection: Connection) -> None:
    """Checks the folder each time it is asked, until the other side is gone. What was asked later comes first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICE)
    folder = Folder(root)
    while True:
        try:
            asked, stamps = connection.recv()
            while connection.poll():
                asked, stamps = connection.recv()
        except (EOFError, OSError):
            return
        linted = _checked(folder, stamps, connection.poll)
        if linted is not None:
            connection.send((asked, linted))


def _checked(folder: Folder, stamps: Stamps, is_stale: Callable[[], bool]) -> Linted | None:
    try:
        return folder.lint(stamps, is_stale)
    except Exception:
        # Lint reads a file more than once, and may have met two contents of it. Then it is soon asked again.
        if folder.look() == stamps:
            traceback.print_exc()
        return None
