import os
import signal
import threading

import pytest

from gradus.operations.stack import NotReadyError, Stack
from tests.operations.waiting import until

POLITE = "import signal; signal.signal(signal.SIGTERM, lambda *_: exit(print('bye'))); print('up'); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"


@pytest.fixture
def stack(tmp_path, console):
    with Stack(tmp_path, console, grace=5) as stack:
        yield stack


def test_everything_is_asked_to_end_and_the_last_one_last(stack, script, screen):
    stack.add(script("broker", POLITE, last=True))
    stack.add(script("worker", POLITE))
    until(lambda: screen.getvalue().count("up") == 2)
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
        until(lambda: "up" in screen.getvalue())
    assert child.process.returncode == -signal.SIGKILL


def test_a_signal_ends_the_watch_and_a_second_one_the_patience(stack, script, screen):
    stack.grace = 600
    child = stack.add(script("worker", STUBBORN))
    until(lambda: "up" in screen.getvalue())
    os.kill(os.getpid(), signal.SIGINT)
    stack.run()
    hurry = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    hurry.start()
    stack.stop()
    hurry.join()
    assert child.process.returncode == -signal.SIGKILL


def test_the_signals_are_given_back(tmp_path, console):
    before = signal.getsignal(signal.SIGTERM)
    with Stack(tmp_path, console):
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_does_not_get_ready_is_named(stack):
    with pytest.raises(NotReadyError, match=r"The broker was not ready within 0\.2 s"):
        stack.wait_for("The broker", lambda: False, 0.2)


def test_a_crashed_program_runs_again_while_others_are_watched(stack, script, screen, tmp_path):
    mark = tmp_path / "mark"
    code = f"import pathlib, signal; m = pathlib.Path({str(mark)!r})\nif not m.exists(): m.touch(); exit(1)\n"
    stack.add(script("worker", code + "print('second start'); signal.pause()"))
    stack.wait_for("It", lambda: "second start" in screen.getvalue(), 20)
    assert "starting again" in screen.getvalue()
