from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pytest

from tests.faults.site import Site, open_site
from tests.waiting import PATIENCE_SECONDS

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)
DATABASES = ("sqlite", POSTGRES)
# For a test whose steps another one takes on SQLite in the quick gate.
mostly_on_postgres = pytest.mark.parametrize(
    "server", [pytest.param("sqlite", marks=pytest.mark.slow), POSTGRES], indirect=True
)


def mostly_slow(values: Sequence[object], quick: Collection[object]) -> list[object]:
    """All of the values as parameters, of which the quick gate takes those that differ in kind."""
    return [value if value in quick else pytest.param(value, marks=pytest.mark.slow) for value in values]


def on_both(values: Sequence[str], *, sqlite: Collection[str], postgres: Collection[str]) -> pytest.MarkDecorator:
    """Each `point` on each database; the quick gate takes those that are named."""
    quick = {*(("sqlite", value) for value in sqlite), *(("postgres", value) for value in postgres)}
    pairs = [
        pytest.param(
            name,
            value,
            id=f"{name}-{value}",
            marks=[
                *([pytest.mark.postgres] if name == "postgres" else []),
                *([] if (name, value) in quick else [pytest.mark.slow]),
            ],
        )
        for name in ("sqlite", "postgres")
        for value in values
    ]
    return pytest.mark.parametrize(("server", "point"), pairs, indirect=["server"])


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
