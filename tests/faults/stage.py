"""One process with Django that forks workers, reconcilers and clients, forks them anew when they die, and tells.

Started by `site.py`. Reads one JSON request a line from standard input, writes one JSON answer a line.
"""

from __future__ import annotations

import ctypes
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import django

from tests.faults import locks

PR_SET_PDEATHSIG = 1
LOOK_SECONDS = 0.1
APPEAR_SECONDS = 15.0
# A hung job ends after this; a healthy one needs far less, also on a machine that is busy.
JOB_SECONDS = 20
MODEL = "smollm2-135m-instruct"


@dataclass(frozen=True)
class Role:
    """`once`: it ends by itself; all others are forked anew when they end."""

    name: str
    work: Callable[[], None]
    once: bool = False


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.acks = folder / "acks"
        self.acks.mkdir()
        self.children: dict[int, Role] = {}
        self.web: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.deaths = 0
        self.quiet_since: datetime | None = None

    # --- requests ---------------------------------------------------------------------------------------------

    def start(self, workers: int = 3, reconcilers: int = 1) -> None:
        from tests.faults import roles

        for _ in range(workers):
            self.fork(Role("worker", roles.work))
        for _ in range(reconcilers):
            self.fork(Role("reconciler", roles.reconcile))

    def start_web(self) -> int:
        from gradus.launcher import ports

        self.port = ports.any_free()
        self._open_web()
        end = time.monotonic() + 60
        while not ports.serves("127.0.0.1", self.port, "/api/v1/courses"):
            assert time.monotonic() < end, "the web server did not start"
        return self.port

    def submit(
        self, learners: int, each: int, clients: int = 2, word: str = "calm", http: bool = False, patient: bool = True
    ) -> list[str]:
        """Forks clients that submit until each key has its answer; returns the keys."""
        from tests.faults import clients as client

        users = client.make_users(learners)
        jobs = client.jobs(users, each, word)
        port = self.port if http else 0
        for number in range(clients):
            acks, mine = self.acks / f"{time.monotonic_ns()}-{number}", jobs[number::clients]
            self.fork(Role("client", lambda acks=acks, mine=mine: client.run(mine, acks, port, patient), once=True))  # type: ignore[misc]
        return [job.key for job in jobs]

    def drain(self, seconds: float, kill_every: int = 0, stop_every: int = 0, stop_s: float = 0.0) -> dict[str, Any]:
        """Waits until all clients have ended and nothing is open, with faults each so many ended evaluations."""
        from tests.faults.storm import Storm

        storm, end = Storm(self, kill_every, stop_every, stop_s), time.monotonic() + seconds
        self.quiet_since = None
        while not (done := self._drained()) and time.monotonic() < end:
            self.reap()
            storm.look()
            time.sleep(LOOK_SECONDS)
        storm.end()
        return {"drained": done, **storm.told()}

    def wait_for(self, seconds: float, **wanted: Any) -> bool:
        """Until an evaluation has these values."""
        from gradus.submissions.models import Evaluation

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.reap()
            if Evaluation.objects.filter(**wanted).exists():
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def signal(self, role: str, number: int, count: int = 0) -> list[int]:
        """Signals all processes of a role, or `count` of them by chance; returns their ids. Waits for the first."""
        end = time.monotonic() + APPEAR_SECONDS
        while not (chosen := list(self.pids(role))) and time.monotonic() < end:
            time.sleep(LOOK_SECONDS)
        chosen = random.sample(chosen, min(count, len(chosen))) if count else chosen
        for pid in chosen:
            os.kill(pid, number)
        return chosen

    def signal_one(self, pid: int, number: int) -> None:
        os.kill(pid, number)

    def hold(self) -> int:
        """Stops the worker of the evaluation that runs, between two of its transactions; returns its id."""
        from gradus.submissions.models import Evaluation

        while True:
            running = Evaluation.objects.get(state="running")
            pid = int(running.worker.rpartition(":")[2])
            os.kill(pid, signal.SIGSTOP)
            if locks.are_free(running.pk):
                return pid
            os.kill(pid, signal.SIGCONT)
            time.sleep(LOOK_SECONDS)

    def ring(self, times: int) -> None:
        from gradus.submissions import bell

        for _ in range(times):
            assert bell.ring("grade")

    def limit_files(self, size: int) -> None:
        """The largest file that workers may write, as a disk that is full; -1 for no limit."""
        for pid in self.pids("worker"):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def evaluations(self) -> list[dict[str, Any]]:
        from gradus.submissions.models import Evaluation

        names = ("submission__idempotency_key", "state", "attempt", "fence", "error_code", "worker")
        return list(Evaluation.objects.order_by("pk").values(*names))

    def processes(self) -> dict[str, Any]:
        """What each child is, and what the workers said last: for whoever reads a failure."""
        from gradus.submissions.models import WorkerStatus

        told = WorkerStatus.objects.order_by("last_seen").values_list("name", "busy_with", "last_seen")
        return {
            "children": {pid: f"{role.name} {_state(pid)}" for pid, role in self.children.items()},
            "told": [f"{name} {busy} {seen}" for name, busy, seen in told],
            "quiet_since": str(self.quiet_since),
        }

    def history(self) -> dict[str, Any]:
        from tests.faults import history

        told = [line.split("\t") for path in self.acks.iterdir() for line in path.read_text().splitlines()]
        taken = {key for key, answer, _ in told if answer == "taken"}
        refused: dict[str, int] = {}
        for _, answer, _ in told:
            if answer != "taken":
                refused[answer] = refused.get(answer, 0) + 1
        waits = sorted(float(ms) for _, answer, ms in told if answer == "taken")
        return {**history.read(taken).as_dict(), "refused": refused, "submit_ms": waits, "deaths": self.deaths}

    def forget(self) -> None:
        """Everybody and everything submitted; processes stay."""
        from gradus.accounts.models import User

        User.objects.filter(is_staff=False).delete()
        for path in self.acks.iterdir():
            path.unlink()

    def stop(self) -> None:
        """Kills all children."""
        for pid in list(self.children):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self.children.clear()
        self.close_web()

    # --- processes --------------------------------------------------------------------------------------------

    def fork(self, role: Role) -> None:
        from django.db import connections

        connections.close_all()
        pid = os.fork()
        if pid:
            self.children[pid] = role
            return
        status = 1
        try:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.close(ANSWERS)
            random.seed(os.getpid())
            role.work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)

    def reap(self) -> None:
        for pid, role in list(self.children.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended:
                continue
            del self.children[pid]
            if not (role.once and os.waitstatus_to_exitcode(status) == 0):
                self.deaths += 1
                self.fork(role)
        if self.web is not None and self.web.poll() is not None:
            self.close_web()
            self._open_web()

    def pids(self, role: str) -> Iterator[int]:
        if role == "runner":
            workers = set(self.pids("worker"))
            yield from (pid for pid, parent in parents() if parent in workers)
        elif role == "web":
            yield from (self.web.pid,) if self.web is not None else ()
        else:
            yield from (pid for pid, kept in self.children.items() if kept.name == role)

    def _open_web(self) -> None:
        from gradus.launcher import programs

        program = programs.web("127.0.0.1", self.port, "")
        (self.folder / "static").mkdir(exist_ok=True)
        env = {**os.environ, **program.env}
        env.pop("GRADUS_FAILPOINTS", None)
        self.web = subprocess.Popen(program.argv, env=env, stdin=subprocess.DEVNULL, start_new_session=True)

    def close_web(self) -> None:
        from gradus.launcher.processes import kill_session

        if self.web is not None:
            kill_session(self.web.pid, signal.SIGKILL)
            self.web.wait()
            self.web = None

    def _drained(self) -> bool:
        """No client is at work, nothing is open, and whoever was stopped has woken up and done what it had begun."""
        from django.db import DatabaseError, connection

        from gradus.submissions.models import Evaluation

        try:
            busy = any(role.name == "client" for role in self.children.values()) or Evaluation.objects.open().exists()
            if busy or any(_state(pid) == "T" for pid in self.children):
                self.quiet_since = None
                return False
            return self._all_idle()
        except DatabaseError:
            connection.close()
            return False

    def _all_idle(self) -> bool:
        """Each worker has said, since all was quiet, that it has nothing to do: a zombie says so at its very end."""
        from django.utils import timezone

        from gradus.submissions.models import WorkerStatus

        self.quiet_since = self.quiet_since or timezone.now()
        idle = WorkerStatus.objects.filter(busy_with=None, last_seen__gt=self.quiet_since)
        said = {int(name.rpartition(":")[2]) for name in idle.values_list("name", flat=True)}
        return said.issuperset(self.pids("worker"))


def _state(pid: int) -> str:
    """R, S, D, T (stopped) or Z, as ps has it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def parents() -> Iterator[tuple[int, int]]:
    """Process id and its parent's, of all that run."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            yield int(entry.parent.name), int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue


def prepare(folder: Path) -> None:
    """Tables, the tiny course, and something where the model's files would be."""
    from django.core.management import call_command

    from challenges.bundle import read_course
    from gradus.courses.services import publish
    from tests.challenges.factory import write_course, write_prompt_challenge
    from workers import launch

    call_command("migrate", interactive=False, verbosity=0)
    model = folder / "models" / MODEL
    model.mkdir(parents=True)
    (model / "digest.txt").write_text("stub")
    write_course(folder / "course")
    write_prompt_challenge(folder / "course" / "first" / "sea-or-sky", limits={"seconds": JOB_SECONDS})
    publish(read_course(folder / "course"))
    launch.MODULE = "tests.faults.stub_runner"
    if mutant := os.environ.get("GRADUS_TEST_MUTANT"):
        from tests.faults import mutants

        mutants.MUTANTS[mutant]()


def main() -> None:
    django.setup()
    from django.conf import settings

    stage = Stage(settings.DATA_DIR)
    prepare(settings.DATA_DIR)
    answer({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer({"result": getattr(stage, request.pop("do"))(**request)})
        except BaseException:
            answer({"error": traceback.format_exc()})
    stage.stop()


def answer(message: dict[str, Any]) -> None:
    os.write(ANSWERS, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    # Whatever else prints goes to standard error.
    ANSWERS = os.dup(1)
    os.dup2(2, 1)
    main()
