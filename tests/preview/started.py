"""`gradus course preview` as an author starts it: a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import httpx

from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)(/\S*)")
MAIN = "from gradus.cli.main import main; main()"


class Started:
    """A preview with what it has printed. Its temporary folder is made below `temporary`."""

    def __init__(
        self, folder: Path, temporary: Path, *options: str, environment: Mapping[str, str] | None = None
    ) -> None:
        temporary.mkdir(exist_ok=True)
        self.temporary = temporary
        self.lines: list[str] = []
        env = {**os.environ, **(environment or {}), "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
        argv = [sys.executable, "-c", MAIN, "course", "preview", str(folder), "--no-browser", *options]
        self.process = subprocess.Popen(
            argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.lines.extend(lines)

    def __enter__(self) -> Started:
        wait_until(lambda: ADDRESS.search(self.said) or self.process.poll() is not None, lambda: self.said)
        assert self.process.poll() is None, self.said
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def said(self) -> str:
        return "".join(self.lines)

    @property
    def address(self) -> str:
        found = ADDRESS.search(self.said)
        assert found, self.said
        return found[1]

    @property
    def first(self) -> str:
        """The address of the first page, without the site's."""
        found = ADDRESS.search(self.said)
        assert found, self.said
        return found[2]

    def page(self, path: str = "", status: int = 200) -> str:
        response = httpx.get(self.address + (path or self.first), timeout=30)
        assert response.status_code == status, response.text
        return response.text

    def shows(self, text: str, path: str = "") -> bool:
        response = httpx.get(self.address + (path or self.first), timeout=30)
        return response.status_code == 200 and text in response.text

    def until_shown(self, text: str, path: str = "") -> None:
        wait_until(lambda: self.shows(text, path), lambda: self.said)

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def left_behind(self) -> list[str]:
        return sorted(path.name for path in self.temporary.iterdir())
