"""A peer's process ends with the benchmark, whatever ends it."""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial

import pytest

from benchmarks import child

# The peer and a helper of its own hold the pipe open for writing: at its end both are gone.
PEER = """#!/bin/sh
exec 3>{fifo}
sleep 600 &
echo $$ >&3
wait
"""
BENCHMARK = """
import sys
from benchmarks import child
child._process([sys.argv[1]], 1, 600)
"""


@pytest.fixture
def peer(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    script = tmp_path / "peer"
    script.write_text(PEER.format(fifo=tmp_path / "fifo"))
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_benchmark_that_is_ended_leaves_no_peer_running(peer, number):
    # Whoever runs the tests may have had the signal ignored, as nohup has.
    heard = partial(signal.signal, number, signal.SIG_DFL)
    command = [sys.executable, "-c", BENCHMARK, peer]
    benchmark = subprocess.Popen(command, cwd=child.ROOT, stderr=subprocess.DEVNULL, preexec_fn=heard)
    with (peer.parent / "fifo").open("rb", buffering=0) as pipe:
        group = int(pipe.readline())
        try:
            benchmark.send_signal(number)
            assert benchmark.wait(30) != 0
            assert select.select([pipe], [], [], 30)[0]
            assert pipe.read() == b""
        finally:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


def test_signals_are_as_they_were_afterwards():
    child._process([sys.executable, "-c", ""], 1, 60)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
