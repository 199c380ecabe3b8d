"""The web server loads new code (SIGHUP) while visitors use it."""

from __future__ import annotations

import signal

import pytest

from tests.faults.conftest import clean, drain
from tests.faults.processes import parents
from tests.faults.site import Site, open_site
from tests.faults.visitors import Reader, Visitor, submit
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(server):
    with open_site(server) as site:
        site.start(workers=1, reconcilers=1)
        site.start_web()
        yield site
        site.close_web()


@pytest.fixture
def site(served) -> Site:
    served.forget()
    return served


@pytest.fixture
def visitors(site):
    """Visitors that request pages until the test ends; no request may fail."""
    found = [Visitor(site.port()) for _ in range(2)]
    for visitor in found:
        visitor.start()
    yield found
    for visitor in found:
        visitor.end()
    assert [visitor.failures for visitor in found] == [[], []]


def serving(site: Site) -> set[int]:
    """The ids of the web server's serving processes."""
    (leader,) = site.signal(role="web", number=0)
    return {pid for pid, parent in parents() if parent == leader}


def reload(site: Site) -> None:
    site.signal(role="web", number=signal.SIGHUP)


def replaced(site: Site, before: set[int]) -> None:
    wait_until(lambda: serving(site) and not serving(site) & before)


def are_answered(visitors: list[Visitor]) -> None:
    good = sum(visitor.good for visitor in visitors)
    wait_until(lambda: sum(visitor.good for visitor in visitors) > good + 20)


def test_no_request_fails_and_no_submission_is_lost_while_the_web_server_reloads(site, visitors):
    before = serving(site)
    keys = site.submit(learners=8, each=3, http=True)
    reload(site)
    replaced(site, before)
    are_answered(visitors)
    drain(site)
    counts = clean(site.history())
    assert counts["scored"] == counts["accepted"] == len(keys)


def test_code_that_does_not_start_replaces_nothing(site, visitors):
    before, key = serving(site), site.folder / "secret-key"
    kept = key.rename(site.folder / "kept-key")
    key.mkdir()
    try:
        reload(site)
        wait_until(lambda: "The old code serves on" in site.log.read_text())
        are_answered(visitors)
        assert serving(site) == before
    finally:
        key.rmdir()
        kept.rename(key)
    reload(site)
    replaced(site, before)
    are_answered(visitors)


def test_a_stream_across_a_reload_brings_every_event_once(site):
    """A reader reconnects like a browser, with the number of the last event that it saw."""
    before, port = serving(site), site.port()
    readers = [Reader(port, token, submit(port, token, "slow")) for token in site.learners(count=6)]
    for reader in readers:
        reader.start()
    wait_until(lambda: any(reader.events for reader in readers))
    reload(site)
    replaced(site, before)
    assert "queued" in {row["state"] for row in site.evaluations()}, "all was over before; the test shows nothing"
    drain(site)
    for reader in readers:
        reader.join(60)
    assert {reader.submission: reader.events for reader in readers} == site.events()
    assert [reader.failures for reader in readers] == [[]] * 6
    assert sum(reader.breaks for reader in readers) >= 1, "no stream was open at the old process's end"
