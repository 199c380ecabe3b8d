import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from gradus.operations import processes
from gradus.operations.processes import Child, NotReadyError, Stack, kill_session, session_members
from tests.operations.conftest import alive
from tests.waiting import wait_until

ROOT = processes.Path(__file__).resolve().parents[2]
SLEEP = "import signal; signal.pause()"
POLITE = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(print('bye'))); print('up'); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"


@pytest.fixture
def start(console, tmp_path):
    """Starts a program; nothing is left afterwards."""
    children = []

    def begin(program):
        child = Child(program, tmp_path, console)
        children.append(child)
        child.start()
        return child

    yield begin
    for child in children:
        child.kill()


def test_lines_come_with_the_program_s_name_and_hidden_ones_not(start, script, screen):
    code = "import sys; print('noise about memory'); print(); print('out'); print('err', file=sys.stderr)"
    child = start(script("hello", code, hide=("noise",)))
    wait_until(lambda: not child.running() and "err" in screen.getvalue() and "out" in screen.getvalue())
    assert set(screen.getvalue().splitlines()) == {"hello       | out", "hello       | err"}


def test_a_crash_is_told_and_started_again_after_a_wait(start, script, screen):
    child = start(script("weak", "raise SystemExit(3)"))
    wait_until(lambda: not child.running())
    child.watch(now := time.monotonic())
    assert "weak        | ended with status 3; starting again in 0.5 s" in screen.getvalue()
    child.watch(now + 0.4)
    assert child.process is None
    child.watch(now + 0.6)
    assert child.process is not None


def test_waits_grow_and_have_an_end_and_are_short_again_after_a_steady_time(start, script):
    child = start(script("weak", "raise SystemExit(3)"))
    now, waits = time.monotonic(), []
    for _ in range(9):
        wait_until(lambda: not child.running())
        child.watch(now)
        waits.append(child.due_at - now)
        child.watch(child.due_at)
    assert [round(wait, 3) for wait in waits] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    wait_until(lambda: not child.running())
    child.watch(time.monotonic() + processes.STEADY_SECONDS + 1)
    assert child.crashes == 1


def test_a_kill_reaches_grandchildren_in_groups_of_their_own(start, script, screen):
    code = (
        "import subprocess, sys, signal\n"
        f"inner = subprocess.Popen([sys.executable, '-c', '{SLEEP}'], process_group=0)\n"
        "print(inner.pid)\nsignal.pause()"
    )
    child = start(script("outer", code))
    wait_until(lambda: screen.getvalue().endswith("\n"))
    inner = int(screen.getvalue().split("|")[1])
    assert {child.process.pid, inner} <= set(session_members(child.process.pid))
    kill_session(child.process.pid, signal.SIGKILL)
    wait_until(lambda: not alive(inner) and not child.running())


def test_a_session_that_is_gone_is_no_error():
    done = subprocess.Popen([sys.executable, "-c", "pass"], start_new_session=True)
    done.wait()
    kill_session(done.pid, signal.SIGKILL)
    assert list(session_members(done.pid)) == []


@pytest.mark.skipif(sys.platform != "linux", reason="PDEATHSIG is Linux's")
def test_children_end_with_a_launcher_that_is_killed_even_if_they_ignore_sigterm(tmp_path):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(0, flush=True); signal.pause()"
    code = (
        "import sys, signal\nfrom pathlib import Path\n"
        "from gradus.operations.console import Console\nfrom gradus.operations.processes import Child, Program\n"
        f"child = Child(Program('inner', (sys.executable, '-c', '{deaf}')), Path('.'), Console())\n"
        "child.start()\nprint(child.process.pid, flush=True)\nsignal.pause()"
    )
    env = os.environ | {"PYTHONPATH": f"{ROOT / 'platform'}:{ROOT}"}
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=env, stdout=subprocess.PIPE) as launcher:
        lines = {launcher.stdout.readline(), launcher.stdout.readline()}
        (inner,) = (int(line) for line in lines if b"|" not in line)
        assert alive(inner)
        launcher.kill()
    wait_until(lambda: not alive(inner))


def test_what_runs_once_is_not_started_again(start, script, screen):
    child = start(script("verify", "print('done')", once=True))
    wait_until(lambda: not child.running() and "done" in screen.getvalue())
    now = time.monotonic()
    for later in (0, 1, 3600):
        child.watch(now + later)
        assert child.process is None
    assert "starting again" not in screen.getvalue()


@pytest.fixture
def stack(tmp_path, console):
    with Stack(tmp_path, console, grace=5) as stack:
        yield stack


def test_everything_is_asked_to_end_and_the_last_one_last(stack, script, screen):
    stack.add(script("broker", POLITE, last=True))
    stack.add(script("worker", POLITE))
    wait_until(lambda: screen.getvalue().count("up") == 2)
    children = list(stack.children)
    stack.stop()
    assert [line.split() for line in screen.getvalue().splitlines()[2:]] == [
        ["worker", "|", "bye"],
        ["broker", "|", "bye"],
    ]
    assert not any(child.running() for child in children)


def test_who_does_not_end_is_killed_after_the_grace(tmp_path, console, script, screen):
    with Stack(tmp_path, console, grace=0.2) as stack:
        child = stack.add(script("worker", STUBBORN))
        wait_until(lambda: "up" in screen.getvalue())
    assert child.process.returncode == -signal.SIGKILL


def test_a_signal_ends_the_watch_and_a_second_one_the_patience(stack, script, screen):
    stack.grace = 600
    child = stack.add(script("worker", STUBBORN))
    wait_until(lambda: "up" in screen.getvalue())
    os.kill(os.getpid(), signal.SIGINT)
    stack.run()
    hurry = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    hurry.start()
    stack.stop()
    hurry.join()
    assert child.process.returncode == -signal.SIGKILL


def test_what_does_not_get_ready_is_named_and_signals_are_given_back(tmp_path, console):
    before = signal.getsignal(signal.SIGTERM)
    with Stack(tmp_path, console) as stack:
        assert signal.getsignal(signal.SIGTERM) != before
        with pytest.raises(NotReadyError, match=r"The broker was not ready within 0\.2 s"):
            stack.wait_for("The broker", lambda: False, 0.2)
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_crashed_program_runs_again_while_others_are_watched(stack, script, screen, tmp_path):
    mark = tmp_path / "mark"
    code = f"import pathlib, signal; m = pathlib.Path({str(mark)!r})\nif not m.exists(): m.touch(); exit(1)\n"
    stack.add(script("worker", code + "print('second start'); signal.pause()"))
    stack.wait_for("It", lambda: "second start" in screen.getvalue(), 20)
    assert "starting again" in screen.getvalue()
