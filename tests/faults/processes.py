"""Manages the child processes of the harness: it forks, replaces, signals and ends them."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Role:
    """What a child process does. It is forked again when it ends, unless `once` is set and it ended without error."""

    name: str
    work: Callable[[], None]
    once: bool = False


class Processes:
    """The child processes by process id, and the web server; children do not keep the file descriptor `closed`."""

    def __init__(self, folder: Path, closed: int) -> None:
        self.folder = folder
        self.closed = closed
        self.members: dict[int, Role] = {}
        self.web: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.deaths = 0

    def fork(self, role: Role) -> None:
        from django.db import connections

        connections.close_all()
        pid = os.fork()
        if pid:
            self.members[pid] = role
            return
        status = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(self.closed)
            random.seed(os.getpid())
            role.work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def reap(self) -> None:
        """Collects ended children and replaces those that were not meant to end."""
        for pid, role in list(self.members.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self.members[pid]
            if not (role.once and os.waitstatus_to_exitcode(status) == 0):
                self.deaths += 1
                self.fork(role)
        if self.web is not None and self.web.poll() is not None:
            self.close_web()
            self.open_web()

    def pids(self, role: str) -> Iterator[int]:
        """The process ids of a role; runners are the children of workers."""
        if role == "runner":
            workers = set(self.pids("worker"))
            yield from (pid for pid, parent in parents() if parent in workers)
        elif role == "web":
            yield from (self.web.pid,) if self.web is not None else ()
        else:
            yield from (pid for pid, kept in self.members.items() if kept.name == role)

    def open_web(self) -> None:
        from gradus.operations import programs

        program = programs.web("127.0.0.1", self.port, "")
        (self.folder / "static").mkdir(exist_ok=True)
        env = {**os.environ, **program.env}
        env.pop("GRADUS_FAILPOINTS", None)
        self.web = subprocess.Popen(program.argv, env=env, stdin=subprocess.DEVNULL, start_new_session=True)

    def close_web(self) -> None:
        from gradus.operations.processes import kill_session

        if self.web is not None:
            kill_session(self.web.pid, signal.SIGKILL)
            self.web.wait()
            self.web = None

    def end(self) -> None:
        """Kills all processes."""
        for pid in list(self.members):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.members.clear()
        self.close_web()


def parents() -> Iterator[tuple[int, int]]:
    """The process id and the parent's process id of every process."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(entry.parent.name), int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue


def state_of(pid: int) -> str:
    """The state of a process as in `ps`: R, S, D, T (stopped) or Z."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
