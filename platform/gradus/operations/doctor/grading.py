"""Checks of everything that grading needs: broker, models, workers, judge, reconciler, isolation of the runner."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError
from django.utils import timezone

from challenges.distribution import install
from challenges.models.catalogue import EMBEDDINGS, EMBEDDINGS_MODULE
from challenges.texts import several
from gradus.operations import base_models, broker
from gradus.operations.doctor.results import Result, fail, ok, warn
from gradus.submissions import health
from gradus.submissions.models import WorkerStatus

# The reconciler wakes every worker each ten seconds, and a worker then updates when it was last seen.
SEEN_WITHIN = timedelta(minutes=2)


def message_broker() -> Iterator[Result]:
    """Checks that the broker answers."""
    if not settings.REDIS_URL:
        yield _embedded()
        return
    from gradus.celery import app

    try:
        with app.connection_for_write(connect_timeout=3) as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=3)
    except Exception as error:
        hint = "Start it, or correct REDIS_URL. Nothing is lost: all jobs are in the database."
        yield fail("broker", f"does not answer: {type(error).__name__}", hint)
        return
    yield ok("broker", "answers")


def _embedded() -> Result:
    try:
        broker.program(Path("unused"))
    except broker.NoBrokerError as error:
        return warn("broker", f"none: {error}", "Workers check the database each second. Set REDIS_URL to avoid that.")
    return ok("broker", "embedded: `manage.py up` starts it")


def model_files() -> Iterator[Result]:
    """Checks the files of each base model. It reads the weights, which takes a second or two."""
    for name in base_models.wanted():
        state = base_models.state(name)
        if state == "ready" and not base_models.digest_holds(name):
            state = "damaged"
        if state == "ready":
            yield ok("model", f"{name}: all files are there, and the digest is correct")
        else:
            hint = "Run `make models`. Until then the site runs, but submissions wait."
            yield fail("model", f"{name}: {state}", hint)


def engine() -> Iterator[Result]:
    """Says how the engine computes each base model that is here, why, and in which precision it trains.

    A command tells it, because the site must not import code of the workers.
    """
    told = io.StringIO()
    try:
        call_command("engine_choices", json=True, stdout=told)
    except DatabaseError:
        yield fail("engine", "unknown, because the database does not answer", "Fix the database first.")
        return
    for name, text in json.loads(told.getvalue()).items():
        yield ok("engine", f"{name}: {text}")
    yield ok("training", f"in {settings.TRAINING_DTYPE}; GRADUS_TRAINING_DTYPE may be float32 or bfloat16")
    if settings.TRAINER == "trl" and not (find_spec("trl") and find_spec("datasets")):
        hint = "Install it beside the workers (`pip install trl`), or remove GRADUS_TRAINER."
        yield warn(
            "training", "GRADUS_TRAINER is trl, which is not installed here: Gradus trains by its own steps", hint
        )


def embeddings() -> Iterator[Result]:
    """Checks that the embedding model for free-text answers is installed."""
    if find_spec(EMBEDDINGS_MODULE) is None:
        hint = f"Without it, free text cannot be graded on this machine. Run: {install('worker')}"
        yield warn("embeddings", f"{EMBEDDINGS} is missing", hint)
    else:
        yield ok("embeddings", f"{EMBEDDINGS} is installed")


def workers() -> Iterator[Result]:
    """Checks each lane by what its workers last reported."""
    try:
        seen = list(WorkerStatus.objects.filter(last_seen__gte=timezone.now() - SEEN_WITHIN))
    except DatabaseError:
        yield fail("workers", "unknown, because the database does not answer", "Fix the database first.")
        return
    for lane in settings.LANES:
        here = [worker for worker in seen if worker.lane == lane]
        troubled = [worker for worker in here if worker.problem]
        if not here:
            yield warn(
                f"lane {lane}", "no worker in the last two minutes", "Start one: `manage.py up`, or see deploy/."
            )
        elif len(troubled) == len(here):
            yield fail(f"lane {lane}", troubled[0].problem, "Fix this; submissions of this lane wait until then.")
        else:
            yield ok(f"lane {lane}", f"{several(len(here), 'worker')} on {here[0].device or 'cpu'}")
            for worker in troubled:
                hint = "Fix this; the other workers of the lane go on without this one."
                yield warn(f"worker {worker.name}", worker.problem, hint)
    yield from _judge([worker for worker in seen if worker.lane == "judge"])


def _judge(seen: list[WorkerStatus]) -> Iterator[Result]:
    """Reports what the workers of the judge's lane found. Only they have the key, so only they can try the judge."""
    hint = (
        "Set GRADUS_JUDGE_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY for the workers; see docs/operations/settings.md."
    )
    endpoint = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY")
    if any(worker.problem for worker in seen):
        yield fail("judge", next(worker.problem for worker in seen if worker.problem), hint)
    elif named := [worker.judge for worker in seen if worker.judge]:
        yield ok("judge", named[0])
    elif settings.JUDGE_MODEL and not endpoint:
        yield warn("judge", "GRADUS_JUDGE_MODEL is set, but neither an address nor a key", hint)
    elif not settings.JUDGE_MODEL:
        yield warn("judge", "No judge is set up: free text gets provisional grades, which a person has to review", hint)
    else:
        yield ok("judge", f"{settings.JUDGE_MODEL} is set; no worker has tried it yet")


def reconciler() -> Iterator[Result]:
    """Checks that the reconciler runs. Without it, jobs of a crashed worker would never be taken over."""
    last = health.last_sweep()
    if health.reconciler_late():
        when = f"since {last.last_run:%Y-%m-%d %H:%M} UTC" if last else "yet"
        yield warn("reconciler", f"has not run {when}", "Start it: `manage.py up`, or `manage.py reconcile`.")
    elif last and last.broken:
        hint = "See docs/operations/upkeep.md, “Alerts”."
        yield fail("reconciler", f"reports faults: {', '.join(last.broken)}", hint)
    else:
        yield ok("reconciler", "has run in the last two minutes")


def isolation() -> Iterator[Result]:
    """Checks what isolates the runner, which handles learners' input: a process tries what must not be possible."""
    held = _confinement()
    if held is None:
        hint = "Run the workers on Linux if people whom you do not know submit."
        yield warn("runner", "no process isolation on this system beyond the audit hook", hint)
        return
    if lacking := list(_lacking(held)):
        hint = (
            "See “Isolation of the runner” in docs/operations/programs.md, and deploy/systemd/gradus-worker@.service."
        )
        yield warn("runner", "; ".join(lacking), hint)
    else:
        user = "a user of its own" if os.geteuid() == 0 else "the worker's user"
        yield ok("runner", f"runs as {user}, without network, with its own files only (Landlock {held['landlock']})")
    yield from _gpu(held)


def _gpu(held: dict[str, Any]) -> Iterator[Result]:
    """Says whether the runner can compute on the GPU, if the machine has one."""
    if held["gpu"]:
        hint = "Update NVIDIA's driver or torch, or set GRADUS_DEVICE=cpu for the workers of this machine."
        yield fail("gpu", f"CUDA does not start within the runner's isolation ({held['gpu']})", hint)
    elif held["gpu"] is not None:
        yield ok("gpu", "CUDA starts within the runner's isolation")


def _lacking(held: dict[str, Any]) -> Iterator[str]:
    if not held["network"]:
        yield "no network namespace (the audit hook still refuses sockets)"
    if not held["landlock"]:
        yield "no Landlock: the runner can read every file that its user may read"
    if not held["sockets"]:
        yield "no seccomp filter: the runner can reach Unix sockets by path (the audit hook still refuses sockets)"
    if not held["unprivileged"]:
        yield "it runs as root, without root's capabilities, because other users cannot read the code or the models"
    elif os.geteuid() == 0 and not held["permissions"]:
        yield "other users cannot read the code or the models, so only Landlock keeps other files from the runner"


def _confinement() -> dict[str, Any] | None:
    """Returns what a test process could not do, or None on systems other than Linux.

    The check runs in another process, because the site must not import code of the workers.
    """
    if sys.platform != "linux":
        return None
    argv = [sys.executable, "-m", "workers.sandbox.confinement", str(settings.DATA_DIR / "models")]
    done = subprocess.run(argv, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=180, check=False)
    found: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 and done.stdout else None
    return found
