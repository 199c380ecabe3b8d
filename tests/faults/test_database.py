"""PostgreSQL stops at the worst moments, above all while a grade is being committed."""

from __future__ import annotations

import signal

import pytest

from tests.faults.conftest import clean, drain, mostly_slow
from tests.faults.servers import own_cluster
from tests.faults.site import open_site
from tests.waiting import wait_until

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def cluster():
    with own_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def running_there(cluster):
    with open_site(cluster.url, lease=6, heartbeat=2) as site:
        site.start(workers=3, reconcilers=2)
        yield site


POINTS = ("record.uncommitted", "record.committed", "claim.uncommitted", "submit.uncommitted", "grade.started")


@pytest.mark.parametrize("point", mostly_slow(POINTS, ["record.uncommitted"]))
def test_a_restart_at_commit_or_in_the_middle_of_a_job_loses_and_doubles_nothing(cluster, running_there, point):
    site = running_there
    site.disarm()
    site.forget()
    site.arm(point, "stop:3")
    site.submit(learners=3, each=2)
    wait_until(lambda: not site.armed())
    cluster.restart_at_once()
    drain(site)
    counts = clean(site.history())
    assert counts["scored"] == counts["accepted"] == 6


def test_who_stops_within_a_transaction_loses_its_locks_and_then_its_lease(running_there):
    """A worker is stopped for long: the database ends its transaction, and another worker does the job."""
    site = running_there
    site.disarm()
    site.forget()
    site.arm("record.uncommitted", "stop:3600")
    site.submit(learners=1, each=1)
    wait_until(lambda: not site.armed())
    stopped = int(site.evaluations()[0]["worker"].rpartition(":")[2])
    assert site.wait_for(seconds=60, state="scored"), "its row stayed locked"
    site.signal_one(pid=stopped, number=signal.SIGCONT)
    drain(site)
    assert clean(site.history())["scored"] == 1
    assert [(row["state"], row["fence"]) for row in site.evaluations()] == [("scored", 2)]
