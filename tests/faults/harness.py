"""One process with Django that forks workers, reconcilers and clients, forks them anew when they die, and tells.

Started by `site.py`. Reads one JSON request a line from standard input, writes one JSON answer a line.
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import sys
import time
import traceback
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import django

from tests.faults import locks
from tests.faults.processes import Family, Role, state_of

LOOK_SECONDS = 0.1
APPEAR_SECONDS = 15.0
# A hung job ends after this; a healthy one needs far less, also on a machine that is busy.
JOB_SECONDS = 20
MODEL = "smollm2-135m-instruct"
INHERITED = ("graders.prompt", "graders.metrics", "sklearn.metrics")


class Stage:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.acks = folder / "acks"
        self.acks.mkdir()
        self.family = Family(folder, ANSWERS)
        self.quiet_since: datetime | None = None

    def start(self, workers: int = 3, reconcilers: int = 1) -> None:
        from tests.faults import roles

        for _ in range(workers):
            self.family.fork(Role("worker", roles.work))
        for _ in range(reconcilers):
            self.family.fork(Role("reconciler", roles.reconcile))

    def start_web(self) -> int:
        from gradus.operations import ports

        self.family.port = ports.any_free()
        self.family.open_web()
        end = time.monotonic() + 60
        while not ports.serves("127.0.0.1", self.family.port, "/api/v1/courses"):
            assert time.monotonic() < end, "the web server did not start"
        return self.family.port

    def submit(
        self, learners: int, each: int, clients: int = 2, word: str = "calm", http: bool = False, patient: bool = True
    ) -> list[str]:
        """Forks clients that submit until each key has its answer; returns the keys."""
        from tests.faults import clients as client

        users = client.make_users(learners)
        jobs = client.jobs(users, each, word)
        port = self.family.port if http else 0
        for number in range(clients):
            acks = self.acks / f"{time.monotonic_ns()}-{number}"
            self.family.fork(Role("client", partial(client.run, jobs[number::clients], acks, port, patient), once=True))
        return [job.key for job in jobs]

    def learners(self, count: int) -> list[str]:
        """API tokens of new ones."""
        from tests.faults import clients as client

        return [token for _, token in client.make_users(count)]

    def drain(self, seconds: float, kill_every: int = 0, stop_every: int = 0, stop_s: float = 0.0) -> dict[str, Any]:
        """Waits until all clients have ended and nothing is open, with faults each so many ended evaluations."""
        from tests.faults.fault_injector import Storm

        storm, end = Storm(self.family, kill_every, stop_every, stop_s), time.monotonic() + seconds
        self.quiet_since = None
        while not (done := self._drained()) and time.monotonic() < end:
            self.family.reap()
            storm.look()
            time.sleep(LOOK_SECONDS)
        storm.end()
        return {"drained": done, **storm.told()}

    def wait_for(self, seconds: float, **wanted: Any) -> bool:
        """Until an evaluation has these values."""
        from gradus.submissions.models import Evaluation

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.family.reap()
            if Evaluation.objects.filter(**wanted).exists():
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def signal(self, role: str, number: int, count: int = 0) -> list[int]:
        """Signals all processes of a role, or `count` of them by chance; returns their ids. Waits for the first."""
        end = time.monotonic() + APPEAR_SECONDS
        while not (chosen := list(self.family.pids(role))) and time.monotonic() < end:
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
        for pid in self.family.pids("worker"):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def evaluations(self) -> list[dict[str, Any]]:
        from gradus.submissions.models import Evaluation

        names = ("submission__idempotency_key", "state", "attempt", "fence", "error_code", "worker")
        return list(Evaluation.objects.order_by("pk").values(*names))

    def events(self) -> dict[str, list[list[Any]]]:
        """Number and type of each event, by submission."""
        from gradus.submissions.models import Event

        found: dict[str, list[list[Any]]] = {}
        rows = Event.objects.order_by("seq").values_list("evaluation__submission__uuid", "seq", "type")
        for uuid, seq, kind in rows:
            found.setdefault(str(uuid), []).append([seq, kind])
        return found

    def processes(self) -> dict[str, Any]:
        """What each child is, and what the workers said last: for whoever reads a failure."""
        from gradus.submissions.models import WorkerStatus

        told = WorkerStatus.objects.order_by("last_seen").values_list("name", "busy_with", "last_seen")
        return {
            "children": {pid: f"{role.name} {state_of(pid)}" for pid, role in self.family.members.items()},
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
        return {**history.read(taken).as_dict(), "refused": refused, "submit_ms": waits, "deaths": self.family.deaths}

    def forget(self) -> None:
        """Everybody and everything submitted; processes stay."""
        from gradus.accounts.models import User

        User.objects.filter(is_staff=False).delete()
        for path in self.acks.iterdir():
            path.unlink()

    def port(self) -> int:
        """The web server's."""
        return self.family.port

    def close_web(self) -> None:
        self.family.close_web()

    def stop(self) -> None:
        self.family.end()

    def _drained(self) -> bool:
        """No client is at work, nothing is open, and whoever was stopped has woken up and done what it had begun."""
        from django.db import DatabaseError, connection

        from gradus.submissions.models import Evaluation

        try:
            clients = [role for role in self.family.members.values() if role.name == "client"]
            busy = bool(clients) or Evaluation.objects.open().exists()
            if busy or any(state_of(pid) == "T" for pid in self.family.members):
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
        return said.issuperset(self.family.pids("worker"))


def prepare(folder: Path) -> None:
    """Tables, the tiny course, and something where the model's files would be."""
    from django.core.management import call_command

    from challenges.bundle import read_course
    from gradus.courses.services import publish
    from tests.challenges.factory import write_course, write_prompt_challenge
    from workers.sandbox import launch

    call_command("migrate", interactive=False, verbosity=0)
    model = folder / "models" / MODEL
    model.mkdir(parents=True)
    (model / "digest.txt").write_text("stub")
    write_course(folder / "course")
    write_prompt_challenge(folder / "course" / "first" / "sea-or-sky", limits={"seconds": JOB_SECONDS})
    publish(read_course(folder / "course"))
    launch.MODULE = "tests.faults.stub_runner"
    # Children are forked anew all the time: what takes seconds to import, they inherit.
    for name in INHERITED:
        import_module(name)
    if mutant := os.environ.get("GRADUS_TEST_MUTANT"):
        from tests.faults import mutants

        mutants.MUTANTS[mutant].take_out()


def main() -> None:
    django.setup()
    from django.conf import settings

    stage = Stage(settings.DATA_DIR)

    def end(*_: object) -> None:
        stage.stop()
        os._exit(1)

    # Also in the middle of a request: nobody else would end the web server, which is a session of its own.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
