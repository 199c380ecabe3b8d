"""Faults at each crash point and each pair: a kill, a stop past the lease, and a lost reply of the database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from gradus.submissions.failpoints import POINTS
from gradus.submissions.states import MAX_ATTEMPTS
from tests.faults.conftest import clean, drain, mostly_on_postgres, mostly_slow, on_both
from tests.faults.site import Site, open_site
from tests.waiting import wait_until

# The lease is 3 s, so the process wakes up after it has lost its lease.
STOP = "stop:5"
LEARNERS, EACH = 3, 2
SLOW = [pytest.mark.slow]
# A sweep requeues only if a worker was lost.
LOST_WORKER = ("claim.committed", "kill")


def outlast(site, *armed):
    """Submits while the crash points are armed, and checks that everything is graded exactly once."""
    for point, action in armed:
        site.arm(point, action)
    site.submit(learners=LEARNERS, each=EACH)
    drain(site)
    assert site.armed() == [], "a point was not reached"
    counts = clean(site.history())
    assert counts["scored"] == counts["accepted"] == LEARNERS * EACH


def with_lost_worker(*armed):
    return (*armed, LOST_WORKER) if any(point == "sweep.requeued" for point, _ in armed) else armed


# `-m slow` tries every point on both databases.
KILLED_QUICKLY = ("submit.committed", "claim.committed", "record.uncommitted", "record.committed", "sweep.requeued")


@on_both(POINTS, sqlite=["record.uncommitted"], postgres=KILLED_QUICKLY)
def test_one_kill_loses_and_doubles_nothing(site, point):
    outlast(site, *with_lost_worker((point, "kill")))


@mostly_on_postgres
@pytest.mark.parametrize("point", mostly_slow(POINTS, ["record.uncommitted"]))
def test_one_stop_loses_and_doubles_nothing(site, point):
    outlast(site, *with_lost_worker((point, STOP)))


@on_both(
    ["submit.uncommitted", "submit.committed", "claim.uncommitted", "claim.committed"],
    sqlite=[], postgres=["submit.committed", "claim.committed"],
)  # fmt: skip
def test_a_lost_reply_of_submit_or_claim_is_asked_for_again(site, point):
    outlast(site, (point, "error"))


@on_both(
    ["grade.computed", "record.uncommitted", "record.committed"],
    sqlite=[], postgres=["record.uncommitted", "record.committed"],
)  # fmt: skip
def test_a_lost_reply_to_the_record_is_read_again_by_fence(site, point):
    site.arm(point, "error")
    site.submit(learners=1, each=1)
    drain(site)
    assert clean(site.history())["scored"] == 1
    # Committed work is not repeated.
    assert site.evaluations()[0]["attempt"] == (1 if point == "record.committed" else 2)


@on_both(["grade.computed", "grade.started"], sqlite=[], postgres=["grade.computed"])
def test_a_zombie_that_wakes_up_while_another_works_changes_nothing(site, point):
    """The second worker takes seconds, so the first wakes up meanwhile; only the fence separates the two."""
    site.arm(point, STOP)
    site.submit(learners=1, each=1, word="slow")
    drain(site)
    assert clean(site.history())["scored"] == 1
    assert site.evaluations()[0]["fence"] == 2


def pairs():
    """Every pair of crash points with the actions in turn; pairs of sweeps have a separate test."""
    actions = itertools.cycle(itertools.product(("kill", STOP), repeat=2))
    for (first, second), (one, other) in zip(itertools.combinations_with_replacement(POINTS, 2), actions, strict=False):
        if first == second == "sweep.requeued":
            continue
        yield pytest.param((first, one), (second, other), id=f"{first}-{one}-{second}-{other}")


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), list(pairs()))
def test_two_faults_lose_and_double_nothing(site, first, second):
    outlast(site, *with_lost_worker(first, second))


@pytest.mark.slow
@pytest.mark.parametrize("action", ["kill", STOP])
def test_two_faults_in_sweeps_lose_and_double_nothing(site, action):
    """One sweep requeues everything that is due, so the second fault needs another lost worker."""
    for _ in range(2):
        for point, what in with_lost_worker(("sweep.requeued", action)):
            site.arm(point, what)
        site.submit(learners=LEARNERS, each=EACH)
        wait_until(lambda: not site.armed())
    drain(site)
    counts = clean(site.history())
    assert counts["scored"] == counts["accepted"] == 2 * LEARNERS * EACH


@mostly_on_postgres
def test_a_worker_lost_in_each_attempt_ends_a_job_and_gives_the_learners_attempt_back(site):
    site.arm("grade.started", "kill", count=MAX_ATTEMPTS)
    site.submit(learners=1, each=1)
    drain(site)
    counts = clean(site.history())
    assert (counts["failed"], counts["scored"]) == (1, 0)
    assert site.evaluations()[0]["error_code"] == "worker_lost"


# --- a worker that lints a version ------------------------------------------------------------------------------

OF_A_WORKER = [point for point in POINTS if point.startswith(("claim", "grade", "record"))]
ZOMBIES = [(point, STOP) for point in ("grade.started", "grade.computed", "record.uncommitted")]
BESIDE_A_LINT = [*((point, "kill") for point in OF_A_WORKER), *ZOMBIES]


@pytest.fixture(scope="module")
def verifying(server: str | None) -> Iterator[Site]:
    with open_site(server) as site:
        site.start(workers=0, reconcilers=1)
        site.start_verifiers()
        yield site


@mostly_on_postgres
@pytest.mark.parametrize(
    ("point", "action"),
    [
        pytest.param(*one, marks=[] if one in (("record.uncommitted", "kill"), ("grade.computed", STOP)) else SLOW)
        for one in BESIDE_A_LINT
    ],
)
def test_one_fault_beside_a_lint_loses_and_doubles_nothing(verifying: Site, point: str, action: str) -> None:
    verifying.disarm()
    verifying.arm(point, action)
    verifying.lint()
    drain(verifying)
    assert verifying.armed() == [], "the point was not reached"
    found = verifying.linted()
    assert found["is_linted"] and found["lint"]["problems"] == []
    assert (found["states"], found["ended"]) == (["scored"], 1)
