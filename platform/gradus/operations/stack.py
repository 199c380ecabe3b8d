"""Runs all programs of a site: starts them in order, keeps them running, and stops them together."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gradus.operations.console import Console
from gradus.operations.processes import Child, Program

LOOK_SECONDS = 0.2


class NotReadyError(Exception):
    """A program was not ready in time. The message says which one, and where to look for the reason."""


class Stack:
    """A context manager for the main thread that handles SIGINT, SIGTERM and SIGHUP while it is open.

    The first signal stops everything and gives each program `grace` seconds to end. A second signal kills them.
    """

    def __init__(self, folder: Path, console: Console, *, grace: float = 8.0) -> None:
        self.folder = folder
        self.console = console
        self.grace = grace
        self.children: list[Child] = []
        self.stopping = threading.Event()
        self._hurry = threading.Event()
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stack:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _on_signal(self, number: int, frame: object) -> None:
        if self.stopping.is_set():
            self._hurry.set()
        self.stopping.set()

    def add(self, program: Program) -> Child:
        """Starts a program, and starts it again whenever it crashes."""
        child = Child(program, self.folder, self.console)
        self.children.append(child)
        child.start()
        return child

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Keeps all programs running until `ready()` returns True, or until a signal says to stop.

        Raises:
            NotReadyError: `seconds` have passed.
        """
        end = time.monotonic() + seconds
        while not self.stopping.is_set():
            if ready():
                return
            if time.monotonic() > end:
                raise NotReadyError(f"{what} was not ready within {seconds:g} s; its lines above say why.")
            self.look()
            self.stopping.wait(LOOK_SECONDS)

    def run(self) -> None:
        """Keeps all programs running until a signal says to stop."""
        while not self.stopping.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        now = time.monotonic()
        for child in self.children:
            child.watch(now)

    def stop(self) -> None:
        """Stops all programs, those with `last` after the others: asks them to end, waits, and kills the rest."""
        self.stopping.set()
        self._end([child for child in self.children if not child.program.last])
        self._end([child for child in self.children if child.program.last])
        self.children.clear()

    def _end(self, children: Sequence[Child]) -> None:
        for child in children:
            child.terminate()
        end = time.monotonic() + self.grace
        while any(child.running() for child in children) and time.monotonic() < end:
            if self._hurry.wait(0.05):
                break
        for child in children:
            child.kill()
