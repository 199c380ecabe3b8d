"""Which programs make up a running site, and how each is started. `deploy/` has the same ones as systemd units."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.conf import settings

from gradus.operations.processes import Program


def environment(broker_url: str) -> dict[str, str]:
    """What every program gets, so that all of them see the same site whatever `.env` says."""
    return {
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "GRADUS_DATA_DIR": str(settings.DATA_DIR),
        "REDIS_URL": broker_url,
        "PYTHONPATH": os.pathsep.join(str(path) for path in (settings.BASE_DIR / "platform", settings.BASE_DIR)),
        "PYTHONUNBUFFERED": "1",
    }


def worker(lane: str, broker_url: str) -> Program:
    """A Celery worker where there is a broker; else the same loop body, which looks each second."""
    env = environment(broker_url)
    if not broker_url:
        return Program(lane, _manage("work", "--lane", lane), env)
    return Program(lane, celery_worker(lane), env)


def celery_worker(lane: str) -> tuple[str, ...]:
    """The judge waits on a network, so several at once; elsewhere one process per runner."""
    pool = ("-P", "threads", "-c", "4") if lane == "judge" else ("-P", "prefork", "-c", "1")
    name = f"{lane}@gradus"
    # Events of a worker are published with retries for ever, deaf to SIGTERM while the broker is gone.
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning")
    # Started as root, the runner drops to another user; `doctor` speaks of it, Celery need not.
    python = (sys.executable, "-W", "ignore:You're running the worker with superuser")
    return (*python, "-m", "celery", "-q", "-A", "gradus", "worker", "-Q", lane, *pool, "-n", name, *quiet)


def reconciler(broker_url: str) -> Program:
    return Program("reconciler", _manage("reconcile"), environment(broker_url))


def verification(broker_url: str) -> Program:
    """Lints the built-in course and queues its baselines; it takes minutes of computing and nobody waits for it."""
    return Program("verify", ("nice", "-n", "19", *_manage("import_course")), environment(broker_url), once=True)


def web(host: str, port: int, broker_url: str) -> Program:
    """The ASGI server."""
    listen = ("--interface", "asginl", "--host", host, "--port", str(port), "--no-ws", "--log-level", "warning")
    stop = ("--workers-kill-timeout", "3", "--respawn-failed-workers")
    argv = (sys.executable, "-m", "gradus.operations.web_server", *listen, *stop, "gradus.asgi:application")
    return Program("web", argv, environment(broker_url))


def _manage(*arguments: str) -> tuple[str, ...]:
    manage: Path = settings.BASE_DIR / "manage.py"
    return (sys.executable, str(manage), *arguments)
