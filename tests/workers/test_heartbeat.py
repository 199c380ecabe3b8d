"""A machine counts as suspended by the share of a job's time by which ticks were late."""

import pytest

from workers.heartbeat import PauseDetector

LEASE_SECONDS = 60


@pytest.mark.parametrize(
    ("limit", "pauses", "was_long"),
    [
        (20, [], False),
        (20, [5.0], True),
        (600, [40.0], False),
        (600, [40.0, 30.0], True),
        (3600, [61.0], True),
        (600, [0.9] * 300, False),
    ],
)
def test_a_tenth_of_a_job_or_a_whole_lease_counts(limit, pauses, was_long):
    now, job = 100.0, PauseDetector(100.0, LEASE_SECONDS)
    for pause in pauses:
        now += 1.0 + pause
        job.tick(now)
    while now < 100.0 + limit:
        now += 1.0
        job.tick(now)
    assert job.was_long(now) is was_long


def test_a_pause_is_noticed_before_its_tick_comes():
    job = PauseDetector(0.0, LEASE_SECONDS)
    assert not job.was_long(1.5)
    assert job.was_long(15.0)
