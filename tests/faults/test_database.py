"""PostgreSQL goes away at the worst moment: while a grade is being committed."""

from __future__ import annotations

import pytest

from tests.faults.conftest import clean, drain
from tests.faults.servers import own_cluster, wait_until
from tests.faults.site import open_site

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


@pytest.mark.parametrize("point", ["record.uncommitted", "record.committed", "claim.uncommitted", "submit.uncommitted"])
def test_a_restart_at_commit_loses_and_doubles_nothing(cluster, running_there, point):
    site = running_there
    site.disarm()
    site.forget()
    site.arm(point, "stop:3")
    site.submit(learners=3, each=2)
    wait_until(lambda: not site.armed(), 60, f"reaching {point}")
    cluster.restart_at_once()
    drain(site)
    counts = clean(site.history())
    assert counts["scored"] == counts["accepted"] == 6
