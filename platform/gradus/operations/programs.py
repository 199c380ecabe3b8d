"""The programs of a running site, with their command lines. `deploy/` starts them as systemd units instead."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from django.conf import settings

from gradus.operations.processes import Program


def environment(broker_url: str) -> dict[str, str]:
    """Returns the environment of every program, so that all use the same data and broker, regardless of `.env`."""
    return {
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "GRADUS_DATA_DIR": str(settings.DATA_DIR),
        "REDIS_URL": broker_url,
        "PYTHONPATH": os.pathsep.join(str(path) for path in (settings.BASE_DIR / "platform", settings.BASE_DIR)),
        "PYTHONUNBUFFERED": "1",
    }


def worker(lane: str, broker_url: str) -> Program:
    """Returns a Celery worker, or without a broker, a loop that checks the database each second."""
    env = environment(broker_url)
    if not broker_url:
        return Program(lane, _manage("work", "--lane", lane), env)
    return Program(lane, celery_worker(lane), env, hide=("worker: Warm shutdown",))


def celery_worker(lane: str) -> tuple[str, ...]:
    """Returns the command line of a worker: four threads for the judge, which waits on a network; else one."""
    pool = ("-P", "threads", "-c", "4" if lane == "judge" else "1")
    name = f"{lane}@gradus"
    # With Celery's events on, a worker that has lost its broker retries for ever and ignores SIGTERM.
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "warning")
    # The runner of a worker that is root drops its rights. `doctor` checks that, so Celery's warning is not needed.
    python = (sys.executable, "-W", "ignore:You're running the worker with superuser")
    return (*python, "-m", "celery", "-q", "-A", "gradus", "worker", "-Q", lane, *pool, "-n", name, *quiet)


def reconciler(broker_url: str) -> Program:
    return Program("reconciler", _manage("reconcile"), environment(broker_url))


def verification(broker_url: str) -> Program:
    """Returns a program of low priority that checks the built-in course and queues its baselines; it takes minutes.

    It prints one line, so that the address and the password of the first start stay in sight.
    """
    argv = ("nice", "-n", "19", *_manage("import_course", "--verbosity", "0"))
    return Program("verify", argv, environment(broker_url), once=True)


def web(host: str, port: int, broker_url: str) -> Program:
    """Returns the web server."""
    listen = ("--interface", "asginl", "--host", host, "--port", str(port), "--no-ws", "--log-level", "warning")
    stop = ("--workers-kill-timeout", "3", "--respawn-failed-workers")
    argv = (sys.executable, "-m", "gradus.operations.web_server", *listen, *stop, "gradus.asgi:application")
    return Program("web", argv, environment(broker_url))


def _manage(*arguments: str) -> tuple[str, ...]:
    manage: Path = settings.BASE_DIR / "manage.py"
    return (sys.executable, str(manage), *arguments)
