"""`manage.py up` as a person starts it: a process of its own, stopped by Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from django.core.management import CommandError, call_command

from gradus.operations import ports
from gradus.operations.processes import session_members
from tests.operations.conftest import alive
from tests.smoke.site import children
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]


class Started:
    """A launcher with its output."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = ports.any_free()
        self.lines: list[str] = []
        env = os.environ | {
            "GRADUS_DATA_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{folder}/gradus.sqlite3",
            "REDIS_URL": "",
            "GRADUS_PRODUCTION": "0",
            "GRADUS_SECRET_KEY": "",
        }
        argv = [sys.executable, "manage.py", "up", "--port", str(self.port), "--no-model", "--no-verify", *options]
        self.process = subprocess.Popen(
            argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        self.reader = threading.Thread(target=lambda: self.lines.extend(self.process.stdout), daemon=True)
        self.reader.start()

    def until(self, text: str) -> None:
        wait_until(lambda: text in "".join(self.lines) or self.process.poll() is not None)
        assert text in "".join(self.lines), "".join(self.lines)

    def programs(self) -> list[int]:
        return children(self.process.pid)

    def end(self, number: int, seconds: float) -> int:
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def close(self) -> None:
        left = self.programs()
        self.process.kill()
        self.process.wait()
        wait_until(lambda: not any(alive(pid) for pid in left))
        self.reader.join(5)
        self.process.stdout.close()


def command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


@pytest.fixture
def up(tmp_path):
    started = []

    def begin(*options: str) -> Started:
        started.append(Started(tmp_path / "data", *options))
        return started[-1]

    (tmp_path / "data").mkdir()
    yield begin
    for one in started:
        one.close()


def test_it_serves_pages_and_static_files_and_ctrl_c_stops_all(up):
    site = up("--lanes", "interactive")
    site.until("Ctrl-C stops everything.")
    base = f"http://127.0.0.1:{site.port}"
    page = httpx.get(f"{base}/accounts/login/", trust_env=False)
    assert page.status_code == 200
    (css,) = re.findall(r'href="(/static/css/gradus\.[0-9a-f]+\.css)"', page.text)
    assert httpx.get(f"{base}{css}", trust_env=False).headers["content-type"].startswith("text/css")
    assert re.search(r"Administrator: admin@localhost, password: \S{12,}", "".join(site.lines))
    programs = site.programs()
    assert len(programs) == 4
    assert site.end(signal.SIGINT, 20) == 0
    assert not any(alive(pid) for pid in programs)
    site.reader.join(5)
    assert [line for line in site.lines if "|" in line] == [], "a program's log is between progress and address"


# `make smoke` starts a site, looks at it and stops it; `test_processes.py` kills a launcher of small programs.
@pytest.mark.slow
def test_a_second_start_is_quick_and_keeps_the_password(up):
    for start in range(2):
        site = up("--lanes", "")
        site.until("Ctrl-C stops everything.")
        assert ("password:" in "".join(site.lines)) == (start == 0)
        assert site.end(signal.SIGTERM, 20) == 0


@pytest.mark.slow
def test_nothing_is_left_of_a_launcher_that_is_killed(up):
    site = up("--lanes", "interactive")
    site.until("Ctrl-C stops everything.")
    # The web server has a process of its own that answers requests.
    started = {pid: command(pid) for program in site.programs() for pid in session_members(program)}
    assert len(started) >= 5
    site.process.kill()
    wait_until(
        lambda: not any(alive(pid) for pid in started), told=lambda: [started[pid] for pid in started if alive(pid)]
    )


def test_a_taken_port_is_named_with_a_way_out():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(CommandError, match=rf"Port {port} on 127\.0\.0\.1 is in use.*--port {port + 1}"):
            call_command("up", "--port", str(port))


def test_an_unknown_lane_is_named():
    with pytest.raises(CommandError, match="No such lane: fast"):
        call_command("up", "--port", str(ports.any_free()), "--lanes", "fast,grade")
