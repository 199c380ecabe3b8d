"""Where the time of a run went, printed at its end: the slowest folders, tests and set-ups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

SHOWN = 10
# A run of a few tests needs no table.
LEAST_SECONDS = 60.0


def folder(test: str) -> str:
    return "/".join(test.partition("::")[0].split("/")[:2])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for group in terminalreporter.stats.values() for report in group if hasattr(report, "duration")]
    tests: Counter[str] = Counter()
    around: Counter[str] = Counter()
    for report in reports:
        (tests if report.when == "call" else around)[report.nodeid] += report.duration
    if tests.total() + around.total() < LEAST_SECONDS:
        return
    terminalreporter.section("where the time went: seconds in tests, and in their set-up and tear-down")
    for line in [*folders(tests, around), "", *slowest(tests), "", *slowest(around, "set-up of ")]:
        terminalreporter.write_line(line)


def folders(tests: Counter[str], around: Counter[str]) -> Iterable[str]:
    inside, outside = (by_folder(seconds) for seconds in (tests, around))
    for name, _ in (inside + outside).most_common(SHOWN):
        yield f"{inside[name]:8.1f} {outside[name]:8.1f}  {name}"


def by_folder(seconds: Counter[str]) -> Counter[str]:
    total: Counter[str] = Counter()
    for test, took in seconds.items():
        total[folder(test)] += took
    return total


def slowest(seconds: Counter[str], what: str = "") -> Iterable[str]:
    return (f"{took:8.1f}  {what}{test}" for test, took in seconds.most_common(SHOWN))
