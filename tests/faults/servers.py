"""Starts servers that a test may kill: a PostgreSQL cluster and the broker that comes with pip."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gradus.operations import broker, ports
from tests.waiting import wait_until


class Broker:
    """A broker that restarts empty on the same socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = broker.url(path)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.path.unlink(missing_ok=True)
        self.process = subprocess.Popen(broker.program(self.path).argv, stdout=subprocess.DEVNULL)
        wait_until(lambda: broker.answers(self.path))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def own_broker() -> Iterator[Broker]:
    with broker.temporary_socket_path() as path:
        made = Broker(path)
        try:
            made.start()
            yield made
        except broker.NoBrokerError as reason:
            pytest.skip(str(reason))
        finally:
            made.kill()


class Cluster:
    """A PostgreSQL cluster in its own folder. It refuses to run as root, who starts it as the user `postgres`."""

    def __init__(self, folder: Path, programs: Path, options: Sequence[str] = ("-c fsync=off",)) -> None:
        self.folder = folder
        self.programs = programs
        self.options = " ".join(options)
        self.port = ports.any_free()
        self.url = f"postgres://gradus@127.0.0.1:{self.port}/gradus"

    def make(self) -> None:
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "gradus", "--no-sync", "-E", "UTF8")
        self.control("start")
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "gradus", "gradus")

    def control(self, what: str, *more: str) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 {self.options}"
        place = ("-D", str(self.folder / "data"), "-w", "-l", str(self.folder / "log"), "-o", options)
        self._run("pg_ctl", *place, *more, what)

    def restart_at_once(self) -> None:
        """Restarts the server like after a crash: nothing is flushed, connections break, the log is replayed."""
        self.control("restart", "-m", "immediate")

    def _run(self, program: str, *words: str) -> None:
        user = {"user": "postgres"} if os.geteuid() == 0 else {}
        argv = (str(self.programs / program), *words)
        # The output goes to a file, because the server would keep a pipe open.
        with (self.folder / "out").open("ab") as out:
            subprocess.run(argv, check=True, stdout=out, stderr=out, cwd=self.folder, **user)  # type: ignore[call-overload]


@contextmanager
def own_cluster(options: Sequence[str] = ("-c fsync=off",)) -> Iterator[Cluster]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL programs here: `apt-get install postgresql`")
    folder = Path(tempfile.mkdtemp(prefix="gradus-pg-"))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    cluster = Cluster(folder, found[-1].parent, options)
    try:
        cluster.make()
        yield cluster
    finally:
        subprocess.run(
            [str(cluster.programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"],
            check=False, capture_output=True, **({"user": "postgres"} if os.geteuid() == 0 else {}), cwd=folder,
        )  # type: ignore[call-overload]  # fmt: skip
        shutil.rmtree(folder, ignore_errors=True)
