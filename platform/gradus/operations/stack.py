"""All programs of one start: started in order, kept running, stopped together."""

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
    """A program did not become ready in time; the text says which and where to look."""


class Stack:
    """Use as a context manager, in the main thread: it takes SIGINT, SIGTERM and SIGHUP for as long as it lasts.

    The first signal stops everything, with `grace` seconds for each program to end by itself; a second one kills.
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
        """Starts a program and keeps it running from now on."""
        child = Child(program, self.folder, self.console)
        self.children.append(child)
        child.start()
        return child

    def wait_for(self, what: str, ready: Callable[[], bool], seconds: float) -> None:
        """Watches over everything until `ready()`; returns early when asked to stop. Raises `NotReadyError`."""
        end = time.monotonic() + seconds
        while not self.stopping.is_set():
            if ready():
                return
            if time.monotonic() > end:
                raise NotReadyError(f"{what} was not ready within {seconds:g} s; its lines above say why.")
            self.look()
            self.stopping.wait(LOOK_SECONDS)

    def run(self) -> None:
        """Watches over everything until a signal comes."""
        while not self.stopping.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        now = time.monotonic()
        for child in self.children:
            child.watch(now)

    def stop(self) -> None:
        """Asks, waits, kills: first the clients, then what they depend on."""
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
