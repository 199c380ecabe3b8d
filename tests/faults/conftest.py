from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.faults.site import Site, open_site

PATIENCE_SECONDS = float(os.environ.get("GRADUS_TEST_PATIENCE", "120"))
POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
DATABASES = ("sqlite", POSTGRES)
# For a test whose steps another one takes on SQLite in the quick gate.
mostly_on_postgres = pytest.mark.parametrize(
    "server", [pytest.param("sqlite", marks=pytest.mark.slow), POSTGRES], indirect=True
)


@pytest.fixture(scope="module", params=DATABASES)
def server(request: pytest.FixtureRequest) -> str | None:
    """The address of a PostgreSQL server, or None for SQLite."""
    return request.getfixturevalue("postgres_url") if request.param == "postgres" else None


@pytest.fixture(scope="module")
def running(server: str | None) -> Iterator[Site]:
    """A site with three workers and two reconcilers, shared by all tests of a module."""
    with open_site(server) as site:
        site.start(workers=3, reconcilers=2)
        yield site


@pytest.fixture
def site(running: Site) -> Site:
    """The running site without submissions and armed crash points."""
    running.disarm()
    running.forget()
    return running


def clean(history: dict) -> dict[str, int]:
    """The counts of a history, after checking that nothing was lost, doubled or otherwise broken."""
    assert (history["lost"], history["doubled"], history["broken"]) == ([], [], [])
    return history["counts"]


def drain(site: Site, seconds: float = PATIENCE_SECONDS) -> None:
    """Waits until everything is graded and all workers are idle."""
    if not site.drain(seconds=seconds)["drained"]:
        rows = "\n".join(map(str, site.evaluations()))
        pytest.fail(f"not drained:\n{rows}\n{site.processes()}\n{site.log.read_text()[-6000:]}", pytrace=False)
