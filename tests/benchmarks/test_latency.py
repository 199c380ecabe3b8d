import pytest

from benchmarks import latency
from benchmarks.latency import Parts

START = "grade       | 2026-01-01T00:00:00Z [info     ]"


def test_parts_add_up():
    found = latency.parts(click=100.0, created=100.02, started=100.05, finished=103.1, seen=103.5, engine=3.0)
    assert found.outside == pytest.approx(0.1)
    assert found.submit + found.ring_and_claim + found.load_and_record + found.engine == pytest.approx(3.1)
    assert found.deliver == pytest.approx(0.4)


def test_the_median_is_taken_of_each_part_and_of_the_whole():
    measured = [Parts(0.01, 0.02, part, 1.0, 0.5) for part in (0.3, 0.05, 0.04)]
    assert latency.median(measured)["load_and_record"] == 0.05
    assert latency.median(measured)["outside"] == pytest.approx(0.08)
