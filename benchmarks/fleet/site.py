"""The site on the hosts: what runs where, with which settings, and how it is started and ended."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import httpx

from benchmarks.fleet.hosts import NETWORK, OUTSIDE, Host, connected
from benchmarks.fleet.proxy import Proxy
from benchmarks.web import stack
from tests.faults.servers import Cluster
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
HOSTS = {"front": 10, "web1": 11, "web2": 12, "db": 13, "redis": 14, "store": 15, "w1": 21, "w2": 22, "w3": 23}
WEBS, WORKERS = ("web1", "web2"), ("w1", "w2", "w3")
# The worker with another engine profile computes with two threads.
THREADS = {"w1": "1", "w2": "1", "w3": "2"}
# The data folder of a worker with the real runner, beside that of the stand-in.
REAL = "real"
BUCKET, KEY, S3_PORT, PROXY_PORT = "gradus", "S3RVER", 4568, 5439
S3RVER = "s3rver@3.7.1"
FAKETIME = next(map(str, Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "")
# Shorter than on a site (60 and 10), so that a rehearsal does not wait for leases most of the time.
LEASE, HEARTBEAT = 15, 3
START_SECONDS = 180.0


class Database(Cluster):
    """A PostgreSQL cluster on its own host. Workers of other hosts give a password."""

    def __init__(self, host: Host, folder: Path) -> None:
        programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
        super().__init__(folder, programs, stack.POSTGRES)
        self.host, self.port = host, 5432
        self.url = f"postgres://gradus:owner@{host.address}:{self.port}/gradus"

    def make(self) -> None:
        self._run("initdb", "-D", f"{self.folder}/data", "-A", "trust", "-U", "gradus", "--no-sync", "-E", "UTF8")
        with (self.folder / "data" / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all gradus {NETWORK}.0/24 trust\nhost all all {NETWORK}.0/24 scram-sha-256\n")
        self.control("start")
        self._run("createdb", "-h", "127.0.0.1", "-U", "gradus", "gradus")

    def control(self, what: str, *more: str) -> None:
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=* {self.options}"
        place = ("-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log", "-o", options)
        self._run("pg_ctl", *place, *more, what)

    def _run(self, program: str, *words: str) -> None:
        as_postgres = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")
        argv = self.host.inside(*as_postgres, f"{self.programs}/{program}", *words)
        with (self.folder / "out").open("ab") as out:
            subprocess.run(argv, check=True, stdout=out, stderr=out, cwd=self.folder)


@dataclass
class Fleet:
    """The running site. `env` are the settings of a web server; `disk` is the small disk of the store of files."""

    folder: Path
    hosts: dict[str, Host]
    database: Database
    proxy: Proxy
    env: dict[str, str]
    disk: Path
    s3: str = ""
    workers: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"https://{self.hosts['front'].address}"

    def start_redis(self) -> None:
        host = self.hosts["redis"]
        binary = shutil.which("redis-server") or shutil.which("valkey-server") or "redis-server"
        words = ("--bind", host.address, "--protected-mode", "no", "--save", "", "--dir", str(host.folder))
        host.start("redis", [binary, *words], os.environ, host.folder)

    def start_store(self) -> None:
        """An S3 server from npm, on a small disk; moto where it cannot be installed."""
        host, place = self.hosts["store"], self.folder / "npm"
        install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(place), S3RVER]
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(install, check=False, capture_output=True, timeout=300)
        program = place / "node_modules" / ".bin" / "s3rver"
        words: list[str] = ["-d", str(self.disk), "-a", host.address, "-p", str(S3_PORT), "--no-vhost-buckets"]
        argv = ["node", str(program), *words]
        self.s3 = S3RVER
        if not program.exists():
            argv = [sys.executable, "-m", "moto.server", "-H", host.address, "-p", str(S3_PORT)]
            self.s3 = "moto"
        host.start("store", argv, os.environ, host.folder)
        wait_until(lambda: _answers(f"http://{host.address}:{S3_PORT}/"), seconds=START_SECONDS)
        import boto3

        client = boto3.client("s3")
        if not client.list_buckets()["Buckets"]:
            client.create_bucket(Bucket=BUCKET)

    def start_web(self, name: str) -> None:
        host, env = self.hosts[name], self._web_env(name)
        argv = (sys.executable, "-m", "gradus.operations.web_server", "--interface", "asginl", "--host", host.address)
        more = ("--port", "8000", "--no-ws", "--log-level", "warning", "--workers-kill-timeout", "3", "--workers", "1")
        host.start("web", [*argv, *more, "--respawn-failed-workers", "gradus.asgi:application"], env, ROOT)
        self.start_reconciler(name)

    def start_reconciler(self, name: str) -> None:
        """Each web server's host has one."""
        argv = [sys.executable, "manage.py", "reconcile"]
        self.hosts[name].start("reconciler", argv, self._web_env(name), ROOT)

    def _web_env(self, name: str) -> dict[str, str]:
        return {**self.env, "GRADUS_DATA_DIR": str(self.hosts[name].folder)}

    def start_front(self) -> None:
        """nginx with the example of `deploy/`, and both web servers behind it."""
        # It reads Django's settings, which `opened` makes.
        from tests.deploy import nginx

        host, folder = self.hosts["front"], self.hosts["front"].folder
        nginx.certify(folder)
        servers = " ".join(f"server {self.hosts[name].address}:8000 fail_timeout=5s;" for name in WEBS)
        text = nginx.TEXT.replace("server 127.0.0.1:8000;", servers).replace(nginx.CERTIFICATES, f"{folder}/")
        # Without it, nginx waits a minute for a host that is away before it asks the other one.
        (folder / "gradus.conf").write_text(f"proxy_connect_timeout 2s;\n{text}")
        main = nginx.MAIN.format(folder=folder, user="user root;").replace("64", "4096")
        (folder / "nginx.conf").write_text(main)
        place = ("-p", str(folder), "-e", f"{folder}/errors", "-c", f"{folder}/nginx.conf")
        host.start("nginx", [nginx.NGINX, *place], os.environ, folder)

    def start_worker(self, name: str, *, clock: str = "", is_real: bool = False) -> None:
        """A worker with a token and nothing else; `clock` is how far off its clock is."""
        host = self.hosts[name]
        port = f":{PROXY_PORT}" if name == "w2" else ""
        data = host.folder / REAL if is_real else host.folder
        words = ["--site", f"https://{stack.HOST}{port}", "--token-file", str(data / "token"), "--lane", "grade"]
        real = [str(Path(sys.executable).with_name("gradus")), "worker"]
        argv = [*(real if is_real else [sys.executable, "-m", "benchmarks.fleet.worker"]), *words]
        env = {**self.workers[name], "GRADUS_DATA_DIR": str(data)}
        if clock:
            # The program `faketime` would stand between us and the worker, and would not pass signals on.
            env |= {"LD_PRELOAD": FAKETIME, "FAKETIME": clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        host.start("worker", argv, env, ROOT)

    def make_workers(self) -> None:
        """A token for each worker's host, which finds the site by its name and knows its certificate."""
        from django.utils import timezone

        from gradus.fleet import tokens

        for name in WORKERS:
            host = self.hosts[name]
            # A data folder is a machine to the site.
            for place in (host.folder, host.folder / REAL):
                place.mkdir(exist_ok=True)
                _row, secret = tokens.make(f"{name}-{place.name}", ["grade"], timezone.now() + timedelta(days=1), None)
                file = place / "token"
                file.write_text(secret)
                file.chmod(0o600)
            host.knows(stack.HOST, OUTSIDE if name == "w2" else self.hosts["front"].address)
            self.workers[name] = {
                **{key: self.env[key] for key in ("PATH", "PYTHONPATH")},
                "GRADUS_THREADS": THREADS[name],
                "SSL_CERT_FILE": str(self.hosts["front"].folder / "fullchain.pem"),
            }
            stack.take_model(host.folder, None)

    def serves(self) -> bool:
        with suppress(httpx.HTTPError):
            return httpx.get(self.address, headers={"Host": stack.HOST}, verify=False).status_code == 200
        return False

    def reload(self, name: str) -> None:
        self.hosts[name].tell("web", signal.SIGHUP)

    def logs(self) -> str:
        files = sorted(self.folder.glob("*/*.log"))
        return "\n".join(f"== {file.parent.name}/{file.name}\n" + _end(file) for file in files)


@contextmanager
def opened(source: Path | None) -> Iterator[Fleet]:
    """The whole site with its hosts. Everything is gone afterwards. Sets Django up, so it can be used once."""
    import tempfile

    with ExitStack() as left:
        folder = Path(left.enter_context(tempfile.TemporaryDirectory(prefix="gradus-fleet-")))
        folder.chmod(0o755)
        hosts = left.enter_context(connected(HOSTS, folder))
        data = hosts["db"].folder
        shutil.chown(data, "postgres")
        disk = folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192m", "tmpfs", str(disk)], check=True)
        left.callback(subprocess.run, ["umount", "-l", str(disk)], check=False)
        database = Database(hosts["db"], data)
        database.make()
        left.callback(database.control, "stop", "-m", "immediate")
        proxy = Proxy((OUTSIDE, PROXY_PORT), (hosts["front"].address, 443))
        proxy.begin()
        left.callback(proxy.end)
        env = {"PATH": os.environ["PATH"], **stack.environment(folder, database.url, _redis(hosts)), **_more(hosts)}
        os.environ.update(env)
        fleet = Fleet(folder, hosts, database, proxy, env, disk)
        fleet.start_redis()
        fleet.start_store()
        for place in (folder, *(hosts[name].folder for name in WEBS)):
            stack.take_model(place, source)
        _prepare(fleet)
        for name in WEBS:
            fleet.start_web(name)
        fleet.start_front()
        wait_until(fleet.serves, fleet.logs, seconds=START_SECONDS)
        yield fleet


def _prepare(fleet: Fleet) -> None:
    """Tables, the built-in course without its checks, which nobody waits for, and the workers' tokens."""
    import django

    django.setup()
    from django.db import connections

    from gradus.operations.console import Console
    from gradus.submissions.models import Run

    with (fleet.folder / "prepare.log").open("w") as log:
        stack.prepare(Console(log))
    Run.objects.filter(user=None).delete()
    fleet.make_workers()
    connections.close_all()


def _redis(hosts: dict[str, Host]) -> str:
    return f"redis://{hosts['redis'].address}:6379/0"


def _more(hosts: dict[str, Host]) -> dict[str, str]:
    """Settings beside those of a site on one machine."""
    return {
        "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "platform", ROOT))),
        "PYTHONWARNINGS": "ignore",
        "GRADUS_LEASE_SECONDS": str(LEASE),
        "GRADUS_HEARTBEAT_SECONDS": str(HEARTBEAT),
        "GRADUS_S3_BUCKET": BUCKET,
        "AWS_ENDPOINT_URL": f"http://{hosts['store'].address}:{S3_PORT}",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_DEFAULT_REGION": "us-east-1",
        # s3rver is older than the checksums that boto3 sends otherwise.
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


def _answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url).status_code < 500
    return False


def _end(file: Path) -> str:
    return "\n".join(shlex.quote(line)[:300] for line in file.read_text(errors="replace").splitlines()[-8:])
