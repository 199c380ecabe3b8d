"""The fault matrix of the design: faults of machines, with real processes and on both databases."""

from __future__ import annotations

import signal

import pytest

from gradus.submissions.states import MAX_ATTEMPTS
from tests.faults.conftest import clean, drain, mostly_on_postgres, mostly_slow
from tests.waiting import wait_until

# `test_failpoints.py`, `test_disk.py` and `test_broker.py` have sites on SQLite in the quick gate.
pytestmark = mostly_on_postgres


def all_scored(site, count):
    drain(site)
    counts = clean(site.history())
    assert counts["scored"] == counts["accepted"] == count


def by_word(site):
    """State, error code and attempt of each evaluation, in the order of their submission."""
    return [(row["state"], row["error_code"], row["attempt"]) for row in site.evaluations()]


@pytest.mark.parametrize("role", mostly_slow(["runner", "worker", "reconciler", "client"], ["runner", "worker"]))
def test_kill_9_in_the_middle_of_work(site, role):
    site.submit(learners=3, each=2, word="slow")
    assert site.wait_for(seconds=30, state="running")
    killed = site.signal(role=role, number=signal.SIGKILL, count=1)
    assert killed or role == "client"
    all_scored(site, 6)


@pytest.mark.slow
def test_kill_9_of_the_web_server(site):
    site.start_web()
    keys = site.submit(learners=5, each=4, http=True)
    assert site.wait_for(seconds=60, fence__gte=1)
    site.signal(role="web", number=signal.SIGKILL)
    all_scored(site, len(keys))
    site.close_web()


def test_a_worker_that_is_stopped_past_its_lease_wakes_up_to_nothing(site):
    site.submit(learners=1, each=1, word="slow")
    assert site.wait_for(seconds=30, state="running")
    holder = site.hold()
    assert site.wait_for(seconds=60, fence=2), "nobody took over"
    site.signal_one(pid=holder, number=signal.SIGCONT)
    all_scored(site, 1)
    assert by_word(site) == [("scored", "", 2)]


def test_poison_fails_after_the_last_attempt_and_hurts_nobody_else(site):
    site.submit(learners=1, each=1, word="poison")
    site.submit(learners=2, each=2)
    drain(site)
    counts = clean(site.history())
    assert (counts["failed"], counts["scored"]) == (1, 4)
    assert sorted(by_word(site))[0] == ("failed", "worker_lost", MAX_ATTEMPTS)


def test_runners_that_cannot_start_end_no_job_and_their_workers_stop(site):
    """The healthy worker is stopped until the broken ones have had the queue to themselves."""
    broken = site.break_runners(count=2)
    workers = site.signal(role="worker", number=signal.SIGSTOP)
    for pid in broken:
        site.signal_one(pid=pid, number=signal.SIGCONT)
    site.submit(learners=4, each=2)
    try:
        wait_until(lambda: len(site.troubled()) == len(broken))
        told = {int(pid): problem for pid, problem in site.troubled().items()}
        assert set(told) == set(broken)
        assert all("failed 3 times in a row" in problem for problem in told.values())
    finally:
        for pid in set(workers) - set(broken):
            site.signal_one(pid=pid, number=signal.SIGCONT)
    all_scored(site, 8)
    assert by_word(site) == [("scored", "", 1)] * 8
    for pid in broken:
        site.signal_one(pid=pid, number=signal.SIGKILL)


def test_diverging_training_is_the_learners_fault(site):
    site.submit(learners=1, each=1, word="diverge")
    drain(site)
    assert clean(site.history())["rejected"] == 1
    assert by_word(site) == [("rejected", "diverged", 1)]


@pytest.mark.slow
def test_a_hung_engine_is_killed_when_its_time_is_over(site):
    site.submit(learners=1, each=1, word="hang")
    site.submit(learners=1, each=2)
    drain(site)
    counts = clean(site.history())
    assert (counts["failed"], counts["scored"]) == (1, 2)
    assert sorted(by_word(site))[0] == ("failed", "timeout", 1)


def test_a_full_disk_delays_and_loses_nothing(site):
    site.limit_files(size=0)
    site.submit(learners=2, each=1)
    assert not site.drain(seconds=5)["drained"]
    site.limit_files(size=-1)
    all_scored(site, 2)


def test_a_deploy_gives_jobs_back_and_counts_no_attempt(site):
    site.submit(learners=2, each=1, word="slow")
    assert site.wait_for(seconds=30, state="running")
    site.signal(role="worker", number=signal.SIGTERM)
    all_scored(site, 2)
    assert by_word(site) == [("scored", "", 1)] * 2
    assert [row["fence"] for row in site.evaluations()] != [1, 1], "nothing was given back"
