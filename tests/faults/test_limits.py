"""Many simultaneous requests: the slots in the database limit them, in whatever order they arrive."""

from __future__ import annotations

import pytest

from tests.faults.conftest import clean, drain, mostly_on_postgres
from tests.waiting import wait_until

# `tests/security/test_crowd.py` asks SQLite by HTTP.
pytestmark = mostly_on_postgres
ALLOWED = 10


@pytest.mark.parametrize("submits", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_submits_at_once_take_exactly_the_limit(site, submits):
    site.submit(learners=1, each=submits, clients=10)
    drain(site, 240)
    history = site.history()
    assert clean(history)["accepted"] == ALLOWED
    assert history["refused"] == {"over_quota": submits - ALLOWED}


def test_no_more_than_two_are_in_flight(site):
    """All workers are stopped, so that no submission ends meanwhile."""
    stopped = site.signal(role="worker", number=19)
    site.submit(learners=1, each=100, clients=10, patient=False)
    try:
        wait_until(lambda: site.history()["refused"].get("in_flight") == 98)
        history = site.history()
        assert history["counts"]["accepted"] == history["counts"]["open"] == 2
        assert history["refused"] == {"in_flight": 98}
    finally:
        assert site.signal(role="worker", number=18) == stopped
    drain(site)
    assert clean(site.history())["scored"] == 2
