"""A worker that dies, or is stopped past its lease, while it lints a version, loses and doubles nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gradus.submissions.failpoints import POINTS
from tests.faults.conftest import drain
from tests.faults.site import Site, open_site

OF_A_WORKER = [point for point in POINTS if point.startswith(("claim", "grade", "record"))]


@pytest.fixture(scope="module")
def verifying(server: str | None) -> Iterator[Site]:
    with open_site(server) as site:
        site.start(workers=0, reconcilers=1)
        site.start_verifiers()
        yield site


# The lease is 3 s, so a stopped process wakes up after it has lost its lease.
ZOMBIES = [(point, "stop:5") for point in ("grade.started", "grade.computed", "record.uncommitted")]


@pytest.mark.parametrize(("point", "action"), [*((point, "kill") for point in OF_A_WORKER), *ZOMBIES])
def test_one_fault_loses_and_doubles_nothing(verifying: Site, point: str, action: str) -> None:
    verifying.disarm()
    verifying.arm(point, action)
    verifying.lint()
    drain(verifying)
    assert verifying.armed() == [], "the point was not reached"
    found = verifying.linted()
    assert found["is_linted"] and found["lint"]["problems"] == []
    assert (found["states"], found["ended"]) == (["scored"], 1)
