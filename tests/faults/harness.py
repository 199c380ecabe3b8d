"""The harness: a process with Django that forks workers, reconcilers and clients, and replaces those that die.

`site.py` starts it. It reads one JSON request per line from standard input, and writes one JSON answer per line.
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
from tests.faults.processes import Processes, Role, parents, state_of
from tests.waiting import wait_until

POLL_SECONDS = 0.1
APPEAR_SECONDS = 15.0
# The time limit of a job, which ends a hung one. A healthy job needs far less, even on a busy machine.
JOB_SECONDS = 20
MODEL = "smollm2-135m-instruct"
INHERITED = ("graders.prompt", "graders.metrics", "sklearn.metrics")


class Harness:
    """The methods are the requests that `site.py` may send, and their arguments are the arguments of a request."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.acks = folder / "acks"
        self.acks.mkdir()
        self.children = Processes(folder, ANSWERS)
        self.quiet_since: datetime | None = None

    def start(self, workers: int = 3, reconcilers: int = 1) -> None:
        from tests.faults import roles

        for _ in range(workers):
            self.children.fork(Role("worker", roles.work))
        for _ in range(reconcilers):
            self.children.fork(Role("reconciler", roles.reconcile))

    def start_verifiers(self, count: int = 2) -> None:
        """Starts workers of the lane that lints versions, on a machine that has the tokenizer."""
        from django.conf import settings

        from tests.challenges.factory import put_tokenizer
        from tests.faults import roles

        put_tokenizer(settings.DATA_DIR)
        for _ in range(count):
            self.children.fork(Role("verifier", roles.verify))

    def lint(self) -> None:
        """Queues lint of a challenge, as after an import on a machine that cannot look for near-duplicates."""
        from gradus.courses.models import ChallengeVersion
        from gradus.submissions import services
        from gradus.submissions.models import Run

        Run.objects.filter(user=None).delete()
        ChallengeVersion.objects.update(linted_at=None, lint={})
        services.verify(ChallengeVersion.objects.get(challenge__slug="sea-or-sky"))
        Run.objects.filter(purpose="baseline").delete()

    def linted(self) -> dict[str, Any]:
        """What is stored of that lint, and of the evaluation behind it."""
        from gradus.courses.models import ChallengeVersion
        from gradus.submissions.models import Evaluation, Event

        version = ChallengeVersion.objects.get(challenge__slug="sea-or-sky")
        ended = Event.objects.filter(evaluation__run__purpose="lint", type="finished").count()
        states = list(Evaluation.objects.filter(run__purpose="lint").values_list("state", flat=True))
        return {"is_linted": version.linted_at is not None, "lint": version.lint, "states": states, "ended": ended}

    def machines(self, count: int) -> list[str]:
        """Makes the tokens of so many machines and returns their secrets."""
        from datetime import timedelta

        from django.utils import timezone

        from gradus.fleet import tokens

        end = timezone.now() + timedelta(days=1)
        return [tokens.make(f"lab-{number}", ["grade"], end, None)[1] for number in range(count)]

    def start_elsewhere(self) -> None:
        """Starts a worker that reaches the site over HTTP alone."""
        from tests.faults import roles

        url = f"http://127.0.0.1:{self.children.port}"
        self.children.fork(Role("elsewhere", partial(roles.work_elsewhere, url, self.machines(1)[0])))

    def seconds(self) -> list[float]:
        """How long each evaluation took, from the submission to the score."""
        from gradus.submissions.models import Evaluation

        times = Evaluation.objects.order_by("pk").values_list("created_at", "finished_at")
        return [(finished - created).total_seconds() for created, finished in times if finished]

    def start_web(self) -> int:
        from gradus.operations import ports

        self.children.port = ports.any_free()
        self.children.open_web()
        wait_until(lambda: ports.serves("127.0.0.1", self.children.port, "/api/v1/courses"))
        return self.children.port

    def submit(
        self, learners: int, each: int, clients: int = 2, word: str = "calm", http: bool = False, patient: bool = True
    ) -> list[str]:
        """Forks clients that submit until each idempotency key has an answer; returns the keys."""
        from tests.faults import clients as client

        users = client.make_users(learners)
        jobs = client.jobs(users, each, word)
        port = self.children.port if http else 0
        for number in range(clients):
            acks = self.acks / f"{time.monotonic_ns()}-{number}"
            self.children.fork(
                Role("client", partial(client.run, jobs[number::clients], acks, port, patient), once=True)
            )
        return [job.key for job in jobs]

    def learners(self, count: int) -> list[str]:
        """Makes new learners and returns their API tokens."""
        from tests.faults import clients as client

        return [token for _, token in client.make_users(count)]

    def drain(self, seconds: float, kill_every: int = 0, stop_every: int = 0, stop_s: float = 0.0) -> dict[str, Any]:
        """Waits until all clients and evaluations have ended; a fault follows every `kill_every` ended evaluations."""
        from tests.faults.fault_injector import FaultInjector

        injector, end = FaultInjector(self.children, kill_every, stop_every, stop_s), time.monotonic() + seconds
        self.quiet_since = None
        while not (done := self._drained()) and time.monotonic() < end:
            self.children.reap()
            injector.inject_due()
            time.sleep(POLL_SECONDS)
        injector.end()
        return {"drained": done, **injector.summary()}

    def wait_for(self, seconds: float, **wanted: Any) -> bool:
        """Waits until an evaluation has these values; returns whether one has."""
        from gradus.submissions.models import Evaluation

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.children.reap()
            if Evaluation.objects.filter(**wanted).exists():
                return True
            time.sleep(POLL_SECONDS)
        return False

    def signal(self, role: str, number: int, count: int = 0) -> list[int]:
        """Signals all processes of a role, or `count` random ones, once there is one; returns their ids."""
        end = time.monotonic() + APPEAR_SECONDS
        while not (chosen := list(self.children.pids(role))) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
        chosen = random.sample(chosen, min(count, len(chosen))) if count else chosen
        for pid in chosen:
            os.kill(pid, number)
        return chosen

    def signal_one(self, pid: int, number: int) -> None:
        os.kill(pid, number)

    def hold(self) -> int:
        """Stops the worker of the running evaluation between two of its transactions; returns its process id."""
        from gradus.submissions.models import Evaluation

        while True:
            running = Evaluation.objects.get(state="running")
            pid = int(running.worker.rpartition(":")[2])
            os.kill(pid, signal.SIGSTOP)
            if locks.are_free(running.pk):
                return pid
            os.kill(pid, signal.SIGCONT)
            time.sleep(POLL_SECONDS)

    def break_runners(self, count: int) -> list[int]:
        """Kills the runners of `count` workers and lets new ones die at their start; returns the workers' ids."""
        from django.conf import settings

        chosen = list(self.children.pids("worker"))[:count]
        for pid in chosen:
            (settings.DATA_DIR / "models" / f"broken-{pid}").touch()
            for runner in [child for child, parent in parents() if parent == pid]:
                os.kill(runner, signal.SIGKILL)
        return chosen

    def troubled(self) -> dict[int, str]:
        """The problem that each worker reports, by its process id; those without a problem are left out."""
        from gradus.submissions.models import WorkerStatus

        told = WorkerStatus.objects.exclude(problem="").values_list("name", "problem")
        return {int(name.rpartition(":")[2]): problem for name, problem in told}

    def ring(self, times: int) -> None:
        from gradus.submissions import queue

        for _ in range(times):
            assert queue.ring("grade")

    def limit_files(self, size: int) -> None:
        """Limits the size in bytes of files that workers may write, like a full disk; -1 means no limit."""
        for pid in self.children.pids("worker"):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def evaluations(self) -> list[dict[str, Any]]:
        from gradus.submissions.models import Evaluation

        names = ("submission__idempotency_key", "state", "attempt", "fence", "error_code", "worker")
        return list(Evaluation.objects.order_by("pk").values(*names))

    def events(self) -> dict[str, list[list[Any]]]:
        """The number and type of each event, by the submission's id."""
        from gradus.submissions.models import Event

        found: dict[str, list[list[Any]]] = {}
        rows = Event.objects.order_by("seq").values_list("evaluation__submission__uuid", "seq", "type")
        for uuid, seq, kind in rows:
            found.setdefault(str(uuid), []).append([seq, kind])
        return found

    def processes(self) -> dict[str, Any]:
        """The state of each child process and the latest status of each worker, to explain a failed test."""
        from gradus.submissions.models import WorkerStatus

        told = WorkerStatus.objects.order_by("last_seen").values_list("name", "busy_with", "last_seen")
        return {
            "children": {pid: f"{role.name} {state_of(pid)}" for pid, role in self.children.members.items()},
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
        return {**history.read(taken).as_dict(), "refused": refused, "submit_ms": waits, "deaths": self.children.deaths}

    def forget(self) -> None:
        """Deletes all learners and everything that they submitted; the processes stay."""
        from gradus.accounts.models import User

        User.objects.filter(is_staff=False).delete()
        for path in self.acks.iterdir():
            path.unlink()

    def port(self) -> int:
        """The port of the web server."""
        return self.children.port

    def close_web(self) -> None:
        self.children.close_web()

    def stop(self) -> None:
        self.children.end()

    def _drained(self) -> bool:
        """Whether no client runs, no evaluation is open, and stopped processes have woken up and finished."""
        from django.db import DatabaseError, connection

        from gradus.submissions.models import Evaluation

        try:
            clients = [role for role in self.children.members.values() if role.name == "client"]
            busy = bool(clients) or Evaluation.objects.open().exists()
            if busy or any(state_of(pid) == "T" for pid in self.children.members):
                self.quiet_since = None
                return False
            return self._all_idle()
        except DatabaseError:
            connection.close()
            return False

    def _all_idle(self) -> bool:
        """Whether each worker has reported since then that it is idle. A late worker reports it only at its end."""
        from django.utils import timezone

        from gradus.submissions.models import WorkerStatus

        self.quiet_since = self.quiet_since or timezone.now()
        idle = WorkerStatus.objects.filter(busy_with=None, last_seen__gt=self.quiet_since)
        said = {int(name.rpartition(":")[2]) for name in idle.values_list("name", flat=True)}
        return said.issuperset(self.children.pids("worker"))


def prepare(folder: Path) -> None:
    """Makes the tables, the tiny course, and a digest file in the place of the model."""
    from django.core.management import call_command

    from challenges.reading import read_course
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
    # Children are forked often, so they inherit the modules that take seconds to import.
    for name in INHERITED:
        import_module(name)
    if "GRADUS_TEST_MUTANT" in os.environ:
        from tests.faults import mutants

        mutants.take_out()


def main() -> None:
    django.setup()
    from django.conf import settings

    harness = Harness(settings.DATA_DIR)

    def end(*_: object) -> None:
        harness.stop()
        os._exit(1)

    # This must work in the middle of a request, because nothing else ends the web server, which has its own session.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prepare(settings.DATA_DIR)
    answer({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer({"result": getattr(harness, request.pop("do"))(**request)})
        except BaseException:
            answer({"error": traceback.format_exc()})
    harness.stop()


def answer(message: dict[str, Any]) -> None:
    os.write(ANSWERS, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    # All other output goes to standard error.
    ANSWERS = os.dup(1)
    os.dup2(2, 1)
    main()
