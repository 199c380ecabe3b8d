"""Runs the programs of a site: starts them in order, starts them again after a crash, and stops them together.

A program is stopped with all the processes that it has started.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gradus.operations.console import Console

PR_SET_PDEATHSIG = 1
# A program that has run for this long counts as started: after its next crash, the waits begin short again.
STEADY_SECONDS = 30.0
LONGEST_WAIT = 30.0
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Program:
    """A program to start. One with `last` is stopped after all others, as the broker is after its clients.

    Empty lines and lines that contain one of the texts in `hide` are not shown. A program with `once` is not started
    again.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    last: bool = False
    hide: tuple[str, ...] = ()
    once: bool = False


class Child:
    """The process of a program. Start it from the main thread: PDEATHSIG fires when the thread that forked ends."""

    def __init__(self, program: Program, folder: Path, console: Console) -> None:
        self.program = program
        self.folder = folder
        self.console = console
        self.crashes = 0
        self.due_at = 0.0
        self.process: subprocess.Popen[str] | None = None
        self._started_at = 0.0
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Starts the process in a session of its own. So Ctrl-C does not reach it, and a kill reaches all of it."""
        self._started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.program.argv,
            cwd=self.folder,
            env={**os.environ, **self.program.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=DieWith(os.getpid()),
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def watch(self, now: float) -> None:
        """Notices a crash, and starts the program again when the wait is over. `now` is `time.monotonic()`."""
        if self.running():
            return
        if self.process is not None and self.program.once:
            self.due_at, self.process = math.inf, None
        elif self.process is not None:
            self._notice_crash(now)
        elif now >= self.due_at:
            self.start()

    def _notice_crash(self, now: float) -> None:
        assert self.process is not None
        code = self.process.returncode
        kill_session(self.process.pid, signal.SIGKILL)
        self.crashes = 1 if now - self._started_at > STEADY_SECONDS else self.crashes + 1
        wait = min(LONGEST_WAIT, 0.5 * 2 ** (self.crashes - 1))
        self.due_at, self.process = now + wait, None
        self.console.line(self.program.name, f"ended with status {code}; starting again in {wait:g} s")

    def terminate(self) -> None:
        """Sends SIGTERM to the first process, which stops the processes that it started."""
        if self.process is not None and self.running():
            self.process.terminate()

    def kill(self) -> None:
        """Kills every process of the session that is still running."""
        if self.process is not None:
            kill_session(self.process.pid, signal.SIGKILL)
            self.process.wait()
            if self._reader:
                self._reader.join(timeout=2)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                if not line.strip() or any(text in line for text in self.program.hide):
                    continue
                self.console.line(self.program.name, line.rstrip("\n"))


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


class DieWith:
    """Runs in a new process. It makes the kernel kill the process when its parent dies, even by kill -9.

    The signal is SIGKILL: a program can overhear SIGTERM or take long over it, and nobody is left to ask again. All
    programs of a site go on from where they were after a kill.
    """

    def __init__(self, parent: int) -> None:
        self.parent = parent
        self.libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def __call__(self) -> None:
        if self.libc is None:
            return
        self.libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != self.parent:
            os._exit(1)


def kill_session(leader: int, how: signal.Signals) -> None:
    """Sends a signal to every process of a session, also to those in process groups of their own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, how)
    for pid in session_members(leader):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, how)


def session_members(leader: int) -> Iterator[int]:
    """Yields the ids of the session's processes without zombies; nothing on systems without /proc."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The line is "pid (name) state ppid pgrp session ..."; the name may contain spaces and brackets.
            state, _, _, session = entry.read_text().rpartition(")")[2].split()[:4]
        except (OSError, ValueError):
            continue
        if int(session) == leader and state != "Z":
            yield int(entry.parent.name)
