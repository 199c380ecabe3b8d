"""What a runner does while it has no job: it gives memory back, and ends after a while."""

import os
import subprocess
import sys
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from tests.workers.sandbox.test_runner import LIGHT, SCORE, TRAIN, pid, run
from workers.engine.session import Session
from workers.engine.watch import Watch
from workers.sandbox import launch, runner
from workers.sandbox.frames import Channel, Closed
from workers.sandbox.supervisor import Runner

# Allocates 128 MiB in pieces that the allocator keeps after they are freed, below a piece that stays.
KEEPS = """
import os
from pathlib import Path
from workers.sandbox.runner import give_memory_back

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20

pieces = [bytearray(64 * 1024) for _ in range(2048)]
stays = bytearray(64 * 1024)
del pieces
kept = resident()
give_memory_back()
print(kept, resident())
"""


@pytest.fixture
def light(monkeypatch, models_dir):
    """A runner that loads no torch, and ends where it has no job for ten minutes."""
    monkeypatch.setattr(launch, "MODULE", LIGHT)
    made = Runner(threads=1, models_dir=models_dir, idle_seconds=600)
    yield made
    made.close()


@pytest.fixture
def pipes():
    """The channel of a runner, and that of its worker."""
    runner_reads, worker_writes = os.pipe()
    worker_reads, runner_writes = os.pipe()
    mine, its = Channel(worker_reads, worker_writes), Channel(runner_reads, runner_writes)
    yield its, mine
    for channel in (its, mine):
        channel.close()


def test_memory_that_the_allocator_keeps_is_given_back():
    env = os.environ | launch.ALLOCATOR
    done = subprocess.run([sys.executable, "-c", KEEPS], env=env, capture_output=True, text=True, check=True)
    kept, left = map(int, done.stdout.split())
    assert kept > 128 and left < kept - 100


def test_a_runner_without_a_job_rests_and_then_ends(pipes, monkeypatch):
    rested = []
    monkeypatch.setattr(runner, "REST_SECONDS", 0.01)
    monkeypatch.setattr(runner, "MARGIN_SECONDS", 0.01)
    monkeypatch.setattr(runner, "give_memory_back", lambda: rested.append(True))
    its, mine = pipes
    runner.Jobs(its, pytest.fail, idle=0.01).serve()
    assert mine.receive(1) == {"type": "ready"} and rested == [True]


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
def test_a_runner_at_rest_lets_go_of_an_adapted_copy(pipes, monkeypatch, models_dir, tmp_path):
    """Its weights are collected, and the next job has the same result as before."""
    monkeypatch.setattr(runner, "REST_SECONDS", 0.01)
    monkeypatch.setattr(runner, "MARGIN_SECONDS", 0.01)
    session = Session(models_dir, tmp_path)
    trained = session.run(TRAIN, Watch())
    item = replace(SCORE, adapter=trained.files)
    expected = session.run(item, Watch())
    copy = weakref.ref(session._adapted[1].model)
    jobs = runner.Jobs(pipes[0], lambda: session, idle=0.01)
    assert jobs.session is session
    jobs.serve()
    assert copy() is None
    assert session.run(item, Watch()).logprobs == expected.logprobs


def test_a_runner_that_stays_waits_on_after_its_longest_wait(pipes, monkeypatch):
    monkeypatch.setattr(runner, "REST_SECONDS", 0.001)
    monkeypatch.setattr(runner, "LONGEST_WAIT", 0.001)
    waits, its = [], pipes[0]

    def receive(seconds):
        waits.append(seconds)
        if len(waits) == 5:
            raise Closed

    monkeypatch.setattr(its, "receive", receive)
    with pytest.raises(Closed):
        runner.Jobs(its, pytest.fail).serve()


def test_a_job_after_the_idle_time_gets_a_new_process_and_so_does_one_after_the_runner_has_ended_by_itself(light):
    expected, first = run(light, SCORE), pid(light)
    run(light, SCORE)
    assert pid(light) == first
    light._used_at -= 601
    again, process = run(light, SCORE), light._process
    assert process.pid != first
    assert replace(again, seconds=0.0) == replace(expected, seconds=0.0)
    light._channel.close()
    assert process.wait(20) == 0
    light._channel = Channel(*os.pipe())
    run(light, SCORE)
    assert light._process is not process


def test_ending_at_rest_takes_no_job_from_other_threads(light):
    """Four threads share the runner of the lane `judge`, as they do there."""
    light._idle_seconds = 1e-9
    with ThreadPoolExecutor(3) as pool:
        results = list(pool.map(lambda _: run(light, SCORE).logprobs, range(3)))
    assert results[0] == results[1] == results[2]
