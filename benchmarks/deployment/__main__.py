"""Follows `deploy/README.md` word by word, then uses, updates, backs up and restores the site.

`python -m benchmarks.deployment` as root on Linux, with git, sudo, nginx, redis-server and PostgreSQL's programs.
It runs in a mount namespace of its own, in which /etc, /srv, /run and /usr/local/bin are throw-away copies, so nothing
of it stays on the machine. pip installs the project once more, which takes minutes. Status 1 if a step fails.

What differs from a real machine: `systemctl` is a stand-in (`benchmarks.deployment.systemctl`), the units' hardening is
not applied, the certificate is our own, and the "other host" of the restore is another database and data folder.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gradus.settings")

import httpx
from django.conf import settings

from challenges.kinds.prompt import KIND as PROMPT
from challenges.reading import read_course
from gradus.operations import ports
from tests.deploy.nginx import NAME, certify
from tests.faults.servers import own_cluster
from tests.smoke import baselines
from tests.smoke.report import MismatchError, Report, expect
from tests.smoke.story import LIBRARY, uuid_in
from tests.smoke.visitor import Visitor
from tests.waiting import wait_until

ROOT: Path = settings.BASE_DIR
README = ROOT / "deploy" / "README.md"
APP, ENV, UNITS = Path("/srv/gradus/app"), Path("/etc/gradus/gradus.env"), Path("/etc/systemd/system")
COVERED = ("/etc", "/srv", "/run", "/usr/local/bin")
NEEDED = ("git", "sudo", "nginx", "redis-server", "unshare", "useradd")
MANAGE = f"cd {APP} && set -a && . {ENV} && set +a && sudo -E -u gradus .venv/bin/python manage.py"
GRADED_SECONDS, START_SECONDS = 300.0, 120.0
CERTIFICATES = Path(f"/etc/letsencrypt/live/{NAME}")
STEP = re.compile(r"```\n(useradd .*?)```", re.DOTALL)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.deployment", description=__doc__)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    inside = parser.parse_args().inside
    if inside:
        return rehearse(inside)
    missing = [name for name in NEEDED if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if os.geteuid() or missing:
        print(f"It needs root and {', '.join(NEEDED)}; missing: {', '.join(missing) or 'root'}.")
        return 2
    with tempfile.TemporaryDirectory(prefix="gradus-deployment-") as folder:
        Path(folder).chmod(0o755)
        words = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc", "--kill-child")
        return subprocess.run(
            [*words, sys.executable, "-m", "benchmarks.deployment", "--inside", folder], cwd=ROOT, check=False
        ).returncode


def rehearse(folder: Path) -> int:
    """Runs all steps where this process is alone with its mounts."""
    report = Report(lambda line: print(line, flush=True))
    cover(folder)
    with ExitStack() as stack:
        cluster = stack.enter_context(own_cluster(()))
        redis = stack.enter_context(redis_server(folder))
        host = Host(cluster.url.replace("gradus@", "gradus:password@"), redis, folder)
        for name, action in host.steps():
            report.step(name, action)
            if report.failed:
                print(host.logs())
                break
    print(report.summary())
    return 1 if report.failed else 0


def cover(folder: Path) -> None:
    """Puts a copy over each folder that the README writes to, with the stand-in for systemctl."""
    pip = subprocess.run([sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True)
    for place in COVERED:
        copy = folder / place.strip("/").replace("/", "-")
        if place in ("/etc", "/usr/local/bin"):
            shutil.copytree(place, copy, symlinks=True)
        else:
            copy.mkdir()
        subprocess.run(["mount", "--bind", str(copy), place], check=True)
    # Where this machine's pip finds packages, sudo would not pass on.
    settled = dict(re.findall(r"^(?:global|:env:)\.([\w-]+)='(.*)'$", pip.stdout, re.MULTILINE))
    Path("/etc/pip.conf").write_text("\n".join(["[global]", *(f"{key} = {value}" for key, value in settled.items())]))
    tools = Path("/usr/local/bin")
    script = f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m benchmarks.deployment.systemctl "$@"\n'
    (tools / "systemctl").write_text(script)
    (tools / "systemctl").chmod(0o755)
    # The newest Python of the system for which this machine has wheels is the one that runs us.
    python = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    (tools / "python3").unlink(missing_ok=True)
    (tools / "python3").symlink_to(python)
    # A repository that somebody else owns may be cloned.
    with Path("/etc/gitconfig").open("a") as git:
        git.write("[safe]\n\tdirectory = *\n")
    with Path("/etc/hosts").open("a") as hosts:
        hosts.write(f"\n127.0.0.1 {NAME}\n")


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    port = ports.any_free()
    words = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()


class Host:
    """A machine on which the lines of the README are typed. Its database and its broker run already."""

    def __init__(self, database: str, redis: str, folder: Path) -> None:
        self.database, self.redis, self.folder = database, redis, folder
        self.course = read_course(LIBRARY)
        self.sent: dict[str, float] = {}

    def steps(self) -> Iterator[tuple[str, Any]]:
        found = STEP.search(README.read_text())
        assert found is not None, "deploy/README.md has no block that begins with useradd"
        for line in found.group(1).splitlines():
            yield line.partition("#")[0].strip()[:60], lambda line=line: self.type(line)
        yield "systemd-analyze verify", self.verified
        yield "nginx with the example in front", self.front
        yield "the site answers by its name, over TLS", self.answers
        yield "a visitor's prompt is graded", self.graded
        yield "an update while people read", self.update
        yield "a backup", self.backup
        yield "restored on another host, with its scores", self.restored

    def type(self, line: str) -> str:
        """Carries out one line of the README, with what a person would put in: the repository, and answers."""
        line = line.replace("<this repository>", f"file://{ROOT}")
        if "createsuperuser" in line:
            # A person is asked; here the same answers stand in variables.
            password = secrets.token_urlsafe(16)
            line = f"export DJANGO_SUPERUSER_PASSWORD={password}; {line} --no-input --username admin --email a@b.org"
        exported = "set -a; . /etc/gradus/gradus.env; set +a;" if "sudo -E" in line else ""
        place = f"cd {APP} &&" if APP.exists() and "git clone" not in line else ""
        shell(f"{place} {exported} {line}")
        if "then edit it" in line:
            self.edit()
        return ""

    def edit(self) -> None:
        values = {
            "GRADUS_SECRET_KEY": secrets.token_hex(32),
            "DATABASE_URL": self.database,
            "REDIS_URL": self.redis,
            "EMAIL_URL": "consolemail://",
        }
        text = ENV.read_text()
        for name, value in values.items():
            text = re.sub(rf"^{name}=.*$", f"{name}={value}", text, flags=re.MULTILINE)
        ENV.write_text(text)

    def verified(self) -> str:
        names = sorted(path.name for path in UNITS.glob("gradus*") if path.suffix in (".service", ".target"))
        names = [name.replace("@.", "@train.") for name in names]
        shell(f"systemd-analyze verify --man=no --generators=no {' '.join(f'{UNITS}/{name}' for name in names)}")
        return ", ".join(names)

    def front(self) -> str:
        CERTIFICATES.mkdir(parents=True)
        certify(CERTIFICATES)
        shell(f"cp {APP}/deploy/nginx/gradus.conf /etc/nginx/sites-enabled/ && rm -f /etc/nginx/sites-enabled/default")
        shell("nginx -t && nginx")
        return ""

    def visitor(self) -> Visitor:
        found = Visitor(f"https://{NAME}")
        found.http = httpx.Client(
            base_url=f"https://{NAME}",
            follow_redirects=True,
            timeout=60,
            trust_env=False,
            verify=ssl.create_default_context(cafile=str(CERTIFICATES / "fullchain.pem")),
        )
        return found

    def answers(self) -> str:
        visitor = self.visitor()

        def served() -> bool:
            return visitor.http.get("/").status_code == 200

        wait_until(served, seconds=START_SECONDS)
        page = visitor.read("/")
        style = re.search(r'href="(/static/css/gradus\.[0-9a-f]{12}\.css)"', page)
        expect(style is not None, "the page names no collected style sheet")
        answer = visitor.http.get(style.group(1) if style else "")
        expect(answer.headers.get("content-encoding") == "gzip", "nginx does not send the compressed file")
        return f"{len(page):,} characters, served by {answer.headers['server']}"

    def graded(self) -> str:
        visitor, choice = self.visitor(), baselines.good(self.course, PROMPT.name)
        answer = visitor.submit(
            f"/challenges/{choice.slug}/?kind={PROMPT.name}",
            f"/challenges/{choice.slug}/submit",
            choice.fields(),
            choice.files(),
        )
        uuid = uuid_in(str(answer.url))
        visitor.follow(f"/submissions/{uuid}/events", GRADED_SECONDS)
        found = visitor.api(f"/submissions/{uuid}")
        expect(found["status"] == "scored", f"it is {found['status']}: {found.get('error')}")
        expect(not (broken := choice.promise_broken(found["score"])), broken)
        self.sent[uuid] = found["score"]
        return f"{choice.name}: {found['score']:.2f}"

    def update(self) -> str:
        """The steps of *Updating*, beside a visitor who reads page after page; none may be refused."""
        ended, statuses = threading.Event(), []

        def read() -> None:
            visitor = self.visitor()
            while not ended.is_set():
                statuses.append(visitor.http.get("/").status_code)

        reader = threading.Thread(target=read)
        reader.start()
        try:
            shell(f"cd {APP} && sudo -u gradus git pull -q")
            shell(f'cd {APP} && sudo -u gradus .venv/bin/pip install -q -c constraints.txt -e ".[worker,prod]"')
            shell(f"{MANAGE} migrate && {MANAGE} collectstatic --no-input")
            shell("systemctl reload gradus-web && systemctl restart gradus-worker@train gradus-reconciler")
            web = Path("/run/gradus-rehearsal/gradus-web.service.log")
            before = len(statuses)
            wait_until(lambda: len(statuses) > before + 50, seconds=START_SECONDS)
            expect(web.exists(), "the web server has no log")
        finally:
            ended.set()
            reader.join()
        expect(set(statuses) == {200}, f"pages answered {sorted(set(statuses))}")
        return f"{len(statuses)} pages, all answered"

    def backup(self) -> str:
        return shell(f"{MANAGE} backup /srv/gradus/backup.tar").splitlines()[-1]

    def restored(self) -> str:
        """Another database and data folder, a web server of its own; the scores of the first host are there."""
        other, port = Path("/srv/gradus/other"), ports.any_free()
        database = self.database.rpartition("/")[0] + "/restored"
        shell(f"psql {self.database.replace('postgres:', 'postgresql:')} -c 'create database restored'")
        shell(f"install -d -o gradus -g gradus {other}")
        values = f"GRADUS_DATA_DIR={other} DATABASE_URL={database} GRADUS_SECRET_KEY={secrets.token_hex(32)}"
        on_other = f"cd {APP} && set -a && . {ENV} && {values} && set +a && sudo -E -u gradus .venv/bin/python"
        shell(f"{on_other} manage.py restore /srv/gradus/backup.tar")
        kept = shell(
            f"{on_other} manage.py shell -v 0 -c 'from gradus.submissions.models import Submission as S; "
            'print("\\n".join(f"{s.uuid} {s.current.score}" for s in S.objects.all()))\''
        )
        scores = dict(line.split() for line in kept.splitlines() if line.count("-") == 4)
        expect(set(scores) == set(self.sent), f"{len(scores)} attempts there, {len(self.sent)} were made")
        with subprocess.Popen(
            ["bash", "-c", f"{on_other} -m gradus.operations.web_server --interface asginl --host 127.0.0.1 "
             f"--port {port} --no-ws --log-level warning --workers 1 gradus.asgi:application"]
        ) as web:  # fmt: skip
            try:
                headers = {"Host": NAME, "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1"}

                def served() -> bool:
                    try:
                        return httpx.get(f"http://127.0.0.1:{port}/", headers=headers).status_code == 200
                    except httpx.HTTPError:
                        return False

                wait_until(served, seconds=START_SECONDS)
            finally:
                subprocess.run(["pkill", "-TERM", "-f", f"--port {port}"], check=False)
                web.wait()
        return f"{len(scores)} attempts with their scores"

    def logs(self) -> str:
        """The last lines of each service."""
        files = sorted(Path("/run/gradus-rehearsal").glob("*.log"))
        return "\n".join(f"== {file.name}\n" + "\n".join(file.read_text().splitlines()[-12:]) for file in files)


def shell(line: str) -> str:
    """Runs a line in a shell and returns its output. Raises `MismatchError` with the end of the output if it fails."""
    clean = {key: os.environ[key] for key in ("TERM", "LANG") if key in os.environ}
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(
        ["bash", "-c", f"set -eo pipefail; {line}"],
        capture_output=True, text=True, check=False, cwd="/", env=clean | {"PATH": path, "HOME": "/root"},
    )  # fmt: skip
    if done.returncode:
        raise MismatchError(f"status {done.returncode}: {(done.stderr or done.stdout).strip()[-600:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
