"""The production stack, for as long as a measurement lasts: PostgreSQL, Redis, web server, workers, reconciler."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

HOST = "gradus.example.org"
WEB_WORKERS = 2
STUB = "tests.faults.celery_worker"
# A quarter of a small machine's memory, as PostgreSQL's manual advises; everything else is its default, fsync as well.
POSTGRES = ("-c shared_buffers=1GB",)
START_SECONDS = 120.0


@contextmanager
def server(url: str | None) -> Iterator[str]:
    """The PostgreSQL server that was named, or a cluster of our own in a temporary folder."""
    if url:
        yield url
        return
    from tests.faults.servers import own_cluster

    with own_cluster(POSTGRES) as cluster:
        yield cluster.url


def environment(folder: Path, database: str, redis: str) -> dict[str, str]:
    """Production settings, and nothing of the caller's own site."""
    return {
        "DJANGO_SETTINGS_MODULE": "gradus.settings",
        "GRADUS_DATA_DIR": str(folder),
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "GRADUS_PRODUCTION": "1",
        "GRADUS_DEBUG": "0",
        "GRADUS_SECRET_KEY": os.urandom(32).hex(),
        "GRADUS_HOSTS": f"{HOST},127.0.0.1",
        "GRADUS_ORIGINS": f"https://{HOST}",
        "GRADUS_THREADS": "1",
        "GRADUS_FAILPOINTS": "",
        "GRADUS_JUDGE_MODEL": "",
        "EMAIL_URL": "consolemail://",
    }


def take_model(folder: Path, source: Path | None) -> None:
    """The tokenizer, where it is here: the site counts tokens at each submission. The engine is a stub."""
    from challenges.models.catalogue import MODELS

    for name in MODELS:
        place = folder / "models" / name
        place.mkdir(parents=True)
        (place / "digest.txt").write_text("stub")
        tokenizer = (source or folder) / "models" / name / "tokenizer.json"
        if tokenizer.is_file() and source:
            shutil.copy2(tokenizer, place)


def prepare(console: Any) -> None:
    """Tables, the built-in course, static files: as `manage.py up` prepares them."""
    from gradus.operations import first_start

    first_start.protect()
    first_start.migrate()
    first_start.publish_course(console)
    first_start.collect_static(console)


@contextmanager
def redis_server(folder: Path) -> Iterator[tuple[Any, str]]:
    """A Redis program to start and its address: the machine's own, or the one that comes with pip."""
    from gradus.operations import broker, ports
    from gradus.operations.processes import Program

    binary = shutil.which("redis-server")
    if binary is None:
        with broker.temporary_socket_path() as path:
            yield broker.program(path), broker.url(path)
        return
    port = ports.any_free()
    options = ("--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder))
    yield Program("redis", (binary, *options, "--loglevel", "warning"), last=True), f"redis://127.0.0.1:{port}/0"


def start(stack: Any, port: int, url: str, redis: Any) -> None:
    """The programs of `manage.py up`, the grade lane's worker with the stub engine; the busy lane has no worker."""
    from gradus.operations import ports, programs

    stack.add(redis)
    web = programs.web("127.0.0.1", port, url)
    # As deploy/systemd has it.
    stack.add(replace(web, argv=(*web.argv[:-1], "--workers", str(WEB_WORKERS), web.argv[-1])))
    worker = programs.worker("grade", url)
    stack.add(replace(worker, argv=(*worker.argv, "-I", STUB)))
    stack.add(programs.reconciler(url))
    stack.wait_for("The web server", lambda: ports.serves("127.0.0.1", port, "/"), START_SECONDS)


def end(process: Any, seconds: float = 5.0) -> None:
    """Asks, then kills with all that it started."""
    from gradus.operations.processes import kill_session

    process.terminate()
    try:
        process.wait(seconds)
    except Exception:
        kill_session(process.pid, signal.SIGKILL)
        process.wait()
