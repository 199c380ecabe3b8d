"""The site with production settings on SQLite, served as `make up` and `deploy/systemd` serve it, without workers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.web.stack import HOST, START_SECONDS, environment

ROOT = Path(__file__).resolve().parents[2]
# The web server listens behind a proxy that ends TLS; a browser that asks it directly has to say the same.
AS_PROXY = {"X-Forwarded-Proto": "https"}


def settle_in(folder: Path) -> None:
    """Sets the environment, starts Django and makes the tables and the static files."""
    quiet = {"GRADUS_LOG_LEVEL": "WARNING"}
    os.environ.update(environment(folder, f"sqlite:///{folder / 'gradus.sqlite3'}", "") | quiet)
    import django

    django.setup()
    from gradus.operations import first_start
    from gradus.operations.console import Console

    first_start.protect()
    first_start.migrate()
    with (folder / "collected.log").open("w") as log:
        first_start.collect_static(Console(log))


@contextmanager
def running(folder: Path) -> Iterator[int]:
    """Yields the port of the web server."""
    from django.db import connections

    from gradus.operations import ports, programs
    from gradus.operations.console import Console
    from gradus.operations.processes import Stack

    connections.close_all()
    port = ports.any_free()
    os.environ["GRADUS_ORIGINS"] = f"https://{HOST},http://127.0.0.1:{port}"
    with (folder / "web.log").open("w") as log, Stack(ROOT, Console(log)) as stack:
        stack.add(programs.web("127.0.0.1", port, ""))
        stack.wait_for("The web server", lambda: ports.serves("127.0.0.1", port, "/"), START_SECONDS)
        yield port


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[tuple[str, list[str], dict[str, Any]]]:
    """nginx with the example of `deploy/nginx` in front: yields its address, Chromium's arguments and context options.

    Chromium keeps no file from a server whose certificate it does not know, so it is told this one's key.
    """
    from tests.deploy.nginx import NGINX, Front

    if not NGINX:
        raise SystemExit("nginx is not installed.")
    (folder / "nginx").mkdir()
    front = Front(folder / "nginx", upstream, folder / "static")
    with front.running():
        arguments = [
            f"--host-resolver-rules=MAP {HOST}:443 127.0.0.1:{front.secure}",
            f"--ignore-certificate-errors-spki-list={front.key_digest}",
        ]
        yield f"https://{HOST}", arguments, {}
