import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import footprint, process_tree
from benchmarks.footprint import Sample, Sampler
from benchmarks.process_tree import Process
from gradus.operations import programs

ROLLUP = """55bd7604b000-7fff96c27000 ---p 00000000 00:00 0                          [rollup]
Rss:                1856 kB
Pss:                 245 kB
Pss_Dirty:           116 kB
SwapPss:               9 kB
"""
MIB = 1024**2
# A parent with one child, which waits until its standard input is closed.
CHILD = "import sys; print('ready', flush=True); sys.stdin.read()"
PARENT = f"import subprocess, sys; sys.exit(subprocess.run([sys.executable, '-c', {CHILD!r}]).returncode)"


@pytest.fixture
def family():
    """A process that has started another one, and the other one's id."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout.readline() == "ready\n"
    (child,) = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    yield parent, int(child)
    parent.communicate(timeout=20)


def test_the_proportional_size_is_read_and_not_another_one():
    assert process_tree.proportional_bytes(ROLLUP) == 245 * 1024


@pytest.mark.parametrize("lane", ["interactive", "judge"])
def test_the_programs_of_a_site_are_recognised(lane):
    for broker in ("redis://broker", ""):
        assert process_tree.kind(" ".join(programs.worker(lane, broker).argv), "up") == f"worker {lane}"
    assert process_tree.kind(" ".join(programs.web("localhost", 1, "").argv), "up") == "web"
    assert process_tree.kind(" ".join(programs.reconciler("").argv), "up") == "reconciler"


def test_children_of_children_are_found_and_this_process_is_not(family):
    parent, child = family
    found = {process.pid: process for process in process_tree.below(os.getpid())}
    assert {parent.pid, child} <= found.keys() and os.getpid() not in found
    assert all(MIB < found[pid].pss < 500 * MIB and found[pid].kind == "other" for pid in (parent.pid, child))
    assert [process.pid for process in process_tree.below(parent.pid)] == [child]


def test_samples_are_taken_while_the_context_lasts(family):
    with Sampler(every=0.01) as sampler:
        last = sampler.take()
        while len(sampler.samples) < 3:
            family[0].poll()
    assert last.total > 2 * MIB and last.processes["other"] >= 2
    assert footprint.peak(sampler.samples).total == max(sample.total for sample in sampler.samples)


def test_a_sample_adds_up_by_kind_and_the_largest_is_the_peak():
    sample = Sample.of(61.26, [Process(1, "web", 5), Process(2, "web", 7), Process(3, "up", 2)])
    assert (sample.total, sample.kinds, sample.processes["web"]) == (14, {"web": 12, "up": 2}, 2)
    assert footprint.peak([Sample(1.0, {"web": 3}, {}), sample, Sample(2.0, {"web": 4}, {})]) == sample
