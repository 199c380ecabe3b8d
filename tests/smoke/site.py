"""Starts a whole site in a temporary folder and on a free port, as a person would start it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress
from pathlib import Path

from django.conf import settings

from challenges.models.catalogue import MODELS
from gradus.operations import base_models, ports
from gradus.operations.processes import DieWith, kill_session, session_members
from tests.smoke.report import MismatchError

ADDRESS = re.compile(r"Gradus runs at (\S+)/$")
PASSWORD = re.compile(r"Administrator: (\S+), password: (\S+)")
LINES_KEPT = 4000


class Site:
    """A site for a smoke run. `start` waits for its address; `stop` does what Ctrl-C does, and checks what is left."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = ports.any_free()
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._news = threading.Condition()
        self._process: subprocess.Popen[str] | None = None

    def environment(self) -> dict[str, str]:
        """Returns the environment of the site. It sets every variable, because `.env` would set those left out."""
        return os.environ | {
            "GRADUS_DATA_DIR": str(self.folder),
            "DATABASE_URL": f"sqlite:///{self.folder / 'gradus.sqlite3'}",
            "REDIS_URL": "",
            "GRADUS_PRODUCTION": "0",
            "GRADUS_DEBUG": "0",
            "GRADUS_SECRET_KEY": "",
            "GRADUS_HOSTS": "localhost,127.0.0.1",
            "GRADUS_EMAIL_VERIFICATION": "optional",
            "GRADUS_JUDGE_MODEL": "",
            "GRADUS_S3_BUCKET": "",
            "EMAIL_URL": "consolemail://",
            "NO_COLOR": "1",
        }

    def take_models(self) -> str:
        """Links or copies the base models from the usual data folder. `up` fetches those that are missing."""
        taken = [name for name in MODELS if base_models.state(name) == "ready"]
        for name in taken:
            source, target = base_models.folder(name), base_models.folder(name, self.folder)
            shutil.copytree(source, target, copy_function=_link_or_copy)
        return f"copied from {settings.DATA_DIR}" if taken else "not on this machine; they will be fetched"

    def start(self, seconds: float) -> str:
        """Starts the site. Returns its address. Raises `MismatchError` if it does not start in time."""
        # Verifying the course would keep the workers busy for minutes, and the smoke run submits baselines itself.
        argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--no-verify", "--port", str(self.port)]
        self._process = subprocess.Popen(
            argv,
            cwd=settings.BASE_DIR,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            preexec_fn=DieWith(os.getpid()),
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        return self._await(ADDRESS, seconds).group(1)

    def publish(self, folder: Path) -> str:
        """Publishes a course beside the built-in one, without running its baselines."""
        said = "from challenges.reading import read_course; from gradus.courses.services import publish; "
        said += f"publish(read_course({str(folder)!r}))"
        argv = [sys.executable, str(settings.BASE_DIR / "manage.py"), "shell", "-v", "0", "-c", said]
        done = subprocess.run(argv, env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise MismatchError(f"{folder.name} was not published: {done.stderr[-300:]}")
        return folder.name

    def administrator(self) -> tuple[str, str]:
        """Returns the email and the password of the administrator, which the first start printed."""
        found = self._await(PASSWORD, 10)
        return found.group(1), found.group(2)

    def _await(self, pattern: re.Pattern[str], seconds: float) -> re.Match[str]:
        def found() -> re.Match[str] | None:
            return next((match for line in self.lines if (match := pattern.search(line))), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._ended(), seconds)
            match = found()
        if match is None:
            raise MismatchError("the site did not start; its last lines are below")
        return match

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def stop(self, seconds: float = 30) -> str:
        """Stops the site. Raises `MismatchError` if that took too long or left a process running."""
        if self._process is None:
            return "was not started"
        process, self._process = self._process, None
        started = set(children(process.pid))
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise MismatchError(f"the site was still running {seconds:g} s after Ctrl-C") from None
        finally:
            left = [pid for pid in started if alive(pid)]
            for leader in (process.pid, *started):
                kill_session(leader, signal.SIGKILL)
        if left:
            raise MismatchError(f"{len(left)} processes were still running after the end")
        return f"{len(started)} programs stopped"


def children(pid: int) -> list[int]:
    """Returns the ids of a process's direct children; none on systems without /proc."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(leader: int) -> bool:
    """Returns True if a process of the session is still running."""
    return any(True for _ in session_members(leader))


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
