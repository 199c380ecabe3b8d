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


def test_another_text_is_refused():
    with pytest.raises(ValueError, match="smaps_rollup"):
        process_tree.proportional_bytes("Rss: 12 kB\nSwapPss: 3 kB\n")


@pytest.mark.parametrize(
    ("command", "inherited", "kind"),
    [
        ("python -P -m workers.sandbox.runner --threads=2", "worker train", "runner train"),
        ("python manage.py work --lane grade", "up", "worker grade"),
        ("python /srv/gradus/manage.py up --no-verify", "other", "up"),
        ("python -c from multiprocessing.spawn import spawn_main", "web", "web"),
        ("/usr/bin/valkey-server unixsocket:/tmp/b.sock", "up", "broker"),
        ("", "worker judge", "worker judge"),
    ],
)
def test_a_command_line_says_what_a_process_is(command, inherited, kind):
    assert process_tree.kind(command, inherited) == kind


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


def test_a_process_that_has_ended_is_left_out(family):
    parent, child = family
    parent.communicate(timeout=20)
    assert not {parent.pid, child} & {process.pid for process in process_tree.below(os.getpid())}


def test_samples_are_taken_while_the_context_lasts(family):
    with Sampler(every=0.01) as sampler:
        last = sampler.take()
        while len(sampler.samples) < 3:
            family[0].poll()
    assert last.total > 2 * MIB and last.processes["other"] >= 2
    assert footprint.peak(sampler.samples).total == max(sample.total for sample in sampler.samples)


def test_a_sample_adds_up_by_kind_and_its_table_begins_with_the_largest():
    processes = [Process(1, "web", 5 * MIB), Process(2, "web", 7 * MIB), Process(3, "runner train", 2048 * MIB)]
    sample = Sample.of(61.26, processes)
    assert (sample.total, sample.kinds["web"], sample.processes["web"]) == (2060 * MIB, 12 * MIB, 2)
    first, second, third = footprint.table("peak", sample, 3.5 * footprint.GIB).splitlines()
    assert first == "peak: 2.01 GiB after 61 s; the goal is 3.5 GiB"
    assert second.split() == ["runner", "train", "2048", "MiB", "1", "processes"] and third.split()[0] == "web"


def test_json_holds_the_samples_and_the_time_line():
    samples = [Sample(1.0, {"web": 3 * MIB}, {"web": 1}), Sample(2.0, {"web": 4 * MIB}, {"web": 1})]
    found = footprint.as_json({"peak": samples[1]}, samples, 10)
    assert found["peak"]["total"] == 4 * MIB and found["over_time"] == [[1.0, 3], [2.0, 4]]
