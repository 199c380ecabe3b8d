"""The times that a learner sees reveal nothing about hidden rows within lint's bounds; without the schedule they do.

The tests use the real graders, a clock that only the engine and the schedule advance, and the classifier of
`tests.learn.hidden.test_timing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from challenges.lint.rows import LENGTH_SHARE
from graders.base import Grade, Grading, Score, Scored
from tests.learn.hidden.test_timing import CHANCE, auc
from workers import execute as executing
from workers.execute import execute
from workers.grading import hidden_row_timing
from workers.grading.hidden_row_timing import Pace
from workers.sandbox.supervisor import Stopped

GRADINGS = 3000
PUBLIC_ROWS, HIDDEN_ROWS = 50, 200
# Lint's bounds for the tokens of hidden rows relative to public rows; the time of an engine goes by tokens.
SHORT, LONG = 1 - LENGTH_SHARE, 1 + LENGTH_SHARE
# Seconds per row, and the relative spread of measurements of equal work.
ROW_S, SPREAD = 0.01, 0.05


class Clock:
    """A clock that only advances while the engine works or a result is held back."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    stands_in = SimpleNamespace(monotonic=found.monotonic, sleep=found.sleep)
    monkeypatch.setattr(hidden_row_timing, "time", stands_in)
    monkeypatch.setattr(executing, "time", stands_in)
    return found


class Engine:
    """An engine whose hidden rows take `longer` times as long as public ones, with random variation."""

    def __init__(self, clock: Clock, longer: float, seed: int, spread: float = SPREAD) -> None:
        self.clock, self.longer, self.spread = clock, longer, spread
        self.random = np.random.default_rng(seed)
        self.began: dict[str, float] = {}

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Scored:
        self.began[item.stage] = self.clock.now
        rows = len(item.suffixes)
        took = ROW_S * rows * float(np.exp(self.random.normal(0, self.spread)))
        took *= self.longer if item.stage == "hidden" else 1
        self.clock.now += took
        return Scored([[0.0, -1.0]] * rows, [10] * rows, took)


def grading(public: int = PUBLIC_ROWS, hidden: int = HIDDEN_ROWS) -> Grading:
    for stage, rows in (("public", public), ("hidden", hidden)):
        if rows:
            yield Score("m", "p", ("row",) * rows, ("a", "b"), stage=stage)
    return Grade(score=1.0)


def end(
    clock: Clock, engine: Engine, deadline: float = 600, stop: Callable[[], bool] = lambda: False, **rows: int
) -> float:
    """Seconds from the start of the hidden rows to the end of the job."""
    pace = Pace(stop, deadline)
    execute(grading(**rows), engine, None, lambda event: None, stop, deadline, around=[pace.around])
    return clock.now - engine.began.get("hidden", clock.now)


def seen(clock: Clock, short: float, long: float, spread: float = SPREAD) -> float:
    """The AUC with which two hidden sets are told apart by the times of the public rows and of the end."""
    engines = [Engine(clock, longer, seed, spread) for seed, longer in enumerate((short, long))]
    times, labels = [], np.arange(GRADINGS) % 2
    for label in labels:
        start = clock.now
        after = end(clock, engines[label])
        times.append([after, clock.now - start, engines[label].began["hidden"] - start])
    return auc(times, labels)


def test_hidden_sets_within_lints_bounds_are_not_told_apart(clock: Clock) -> None:
    found = seen(clock, SHORT, LONG)
    print(f"held: AUC {found:.4f} on {GRADINGS} gradings, rows {SHORT} and {LONG} times as long")
    assert found <= CHANCE


# By the spread of the machine, what docs/operations/people.md says of the AUC with the schedule and without it.
TOLD = {0.05: (0.51, 1.0), 0.15: (0.52, 0.99), 0.3: (0.59, 0.89), 0.5: (0.63, 0.76)}


@pytest.mark.parametrize("spread", TOLD)
def test_a_machine_that_is_seldom_equally_fast_tells_what_the_documentation_says(clock: Clock, spread: float) -> None:
    seen_by_learner = seen(clock, SHORT, LONG, spread=spread)
    print(f"held, spread {spread}: AUC {seen_by_learner:.4f}")
    held, free = TOLD[spread]
    assert round(seen_by_learner, 2) <= held
    text = (Path(__file__).resolve().parents[3] / "docs" / "operations" / "people.md").read_text()
    assert f"| {100 * spread:.0f} % | {held:.2f} | {free:.2f} |" in text


@pytest.mark.parametrize("spread", TOLD)
def test_without_the_schedule_they_are(clock: Clock, monkeypatch: pytest.MonkeyPatch, spread: float) -> None:
    monkeypatch.setattr(Pace, "_hold", lambda self, began, allowed: None)
    found = seen(clock, SHORT, LONG, spread=spread)
    print(f"not held, spread {spread}: AUC {found:.4f}")
    assert round(found, 2) >= TOLD[spread][1]


def test_rows_that_lint_refuses_would_be_told_apart(clock: Clock) -> None:
    """The schedule needs lint's bounds: a schedule for rows of any length would have to wait forever."""
    assert seen(clock, 1.0, 4.0) > 0.95


@pytest.mark.parametrize(("longer", "steps"), [(0.1, 1), (1.0, 1), (LONG, 1), (1.1 * hidden_row_timing.FACTOR, 2)])
def test_the_end_depends_on_public_rows_and_counts_alone(clock: Clock, longer: float, steps: int) -> None:
    """What takes longer ends with a whole number of the same time."""
    after = end(clock, Engine(clock, longer, 0, spread=0.0))
    assert after == pytest.approx(steps * hidden_row_timing.FACTOR * ROW_S * HIDDEN_ROWS)


def test_steps_have_bounds(clock: Clock) -> None:
    """A few milliseconds are held for a quarter of a second, and nothing beyond the job's own limit."""
    for longer in (0.1, 2.0):
        after = end(clock, Engine(clock, longer, 0, spread=0.0), public=0)
        assert after == pytest.approx(hidden_row_timing.UNKNOWN_SECONDS)
    assert end(clock, Engine(clock, 1.0, 0, 0.0), public=1, hidden=1) == pytest.approx(hidden_row_timing.MIN_SECONDS)
    for rows, deadline, seconds in (({}, 3.0, 3.0), ({"hidden": 0}, 600.0, ROW_S * PUBLIC_ROWS)):
        began = clock.now
        end(clock, Engine(clock, 1.0, 0, spread=0.0), deadline=deadline, **rows)
        assert clock.now - began == pytest.approx(seconds)


def test_a_cancelled_job_is_not_held(clock: Clock) -> None:
    engine = Engine(clock, 0.1, 0, spread=0.0)
    answers: Iterator[bool] = iter([False, False, False, True])
    with pytest.raises(Stopped):
        end(clock, engine, stop=lambda: next(answers))
    assert clock.now - engine.began["hidden"] < 1.0
