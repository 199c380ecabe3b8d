"""A run of tests that ends in time: `-p tests.budget --until MOMENT` begins no test after that moment.

What was left out is skipped and named, file by file. The moment is one of the monotonic clock, which all processes of
a machine share.
"""

from __future__ import annotations

import time
from collections import Counter

import pytest

LEFT = "the time for these tests is over"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--until", type=float, default=float("inf"), help="begin no test after this monotonic time")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if time.monotonic() > item.config.getoption("--until"):
        pytest.skip(LEFT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    left = Counter(report.nodeid.partition("::")[0] for report in skipped if LEFT in str(report.longrepr))
    for path, count in sorted(left.items()):
        terminalreporter.write_line(f"NOT TESTED IN TIME: {path} ({count} tests)", yellow=True)
