"""A circuit breaker for a worker's runner: after failures in a row of which no job is the cause, nothing is claimed.

Whether a job is the cause is decided by a trial: the runner has to start and compute a few tokens. Failures are counted
by base model, because one that cannot be loaded says nothing about another. None in the place of a model stands for
work that needs none, such as sentence embeddings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import structlog

from challenges.models.catalogue import EMBEDDINGS_MODULE
from graders.base import Embed, Rejected, Retrieve, Score
from workers.execute import Running
from workers.sandbox.supervisor import RunnerDied, RunnerFailed, RunnerTimeout

log = structlog.get_logger(__name__)

FAILURES = 3
# Seconds until the next trial after the third failure, doubled with each trial that fails.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 10.0, 600.0
# The start of the runner, and the measurement of a model, have limits of their own.
TRIAL_SECONDS = 30.0
OF_THE_RUNNER = (RunnerDied, RunnerFailed, RunnerTimeout)

ShouldStop = Callable[[], bool]


class RunnerBroken(Exception):
    """The runner failed in a job and then in a trial too, so the job is not the cause."""


@dataclass
class Streak:
    """Failures in a row with one base model. `due` is the time of the next trial, by `time.monotonic`.

    From `most` failures on nothing is claimed; with 0 already before the first trial.
    """

    failures: int = 0
    reason: str = ""
    pause: float = FIRST_PAUSE_SECONDS
    due: float = 0.0
    most: int = FAILURES


class Breaker:
    """Which base models this worker's runner cannot work with at the moment, and when to try again."""

    def __init__(self, runner: Running) -> None:
        self._runner = runner
        self._streaks: dict[str | None, Streak] = {}

    def broken(self) -> Mapping[str | None, str]:
        """The models for which nothing is to be claimed, each with sentences for staff that say why."""
        return {model: _sentences(model, streak) for model, streak in self._long()}

    def distrust(self, models: Iterable[str]) -> None:
        """Lets nothing be claimed for these base models before a trial with each has succeeded."""
        self._streaks |= {model: Streak(most=0) for model in models}

    def worked(self, model: str | None) -> None:
        """Ends the failures in a row with `model`."""
        self._streaks.pop(model, None)

    def try_again(self, should_stop: ShouldStop) -> None:
        """Carries out the trials that are due. Raises `Stopped`."""
        for model, streak in self._long():
            if streak.due <= time.monotonic():
                # Other threads of the worker leave this trial to this one.
                streak.due += TRIAL_SECONDS
                self.succeeds(model, should_stop)

    def succeeds(self, model: str | None, should_stop: ShouldStop) -> bool:
        """Carries out a trial, and counts it if it fails. Raises `Stopped`, and errors that are not the runner's."""
        try:
            self._runner.run(_trial(model), on_event=_unheard, should_stop=should_stop, seconds=TRIAL_SECONDS)
        except (*OF_THE_RUNNER, Rejected) as error:
            self._failed(model, str(error) or type(error).__name__)
            return False
        self.worked(model)
        return True

    def _failed(self, model: str | None, reason: str) -> None:
        log.warning("runner_broken", model=model, reason=reason)
        streak = self._streaks.setdefault(model, Streak())
        streak.failures, streak.reason = streak.failures + 1, reason
        if streak.failures >= streak.most:
            streak.due = time.monotonic() + streak.pause
            streak.pause = min(2 * streak.pause, LONGEST_PAUSE_SECONDS)

    def _long(self) -> list[tuple[str | None, Streak]]:
        return [(model, streak) for model, streak in list(self._streaks.items()) if streak.failures >= streak.most]


def _trial(model: str | None) -> Score | Embed | Retrieve:
    """The least work that shows whether a runner works: with a base model, or with what needs none."""
    if model is not None:
        return Score(model, "One row", (" is enough",), (" yes", " no"), stage="warm")
    if find_spec(EMBEDDINGS_MODULE) is not None:
        return Embed(("One row is enough",), stage="warm")
    return Retrieve(("One row is enough",), ("row",), "words", stage="warm")


def _sentences(model: str | None, streak: Streak) -> str:
    where = f" with the base model {model}" if model else ""
    what = f" for {model}" if model else ""
    if not streak.failures:
        return f"The runner has not been tried{where} yet. Nothing is claimed{what} until a trial succeeds."
    often = "once" if streak.failures == 1 else f"{streak.failures} times in a row"
    return (
        f"The runner has failed {often}{where}, and no job is the cause ({streak.reason}). "
        f"Nothing is claimed{what} until a trial of this worker's own succeeds. The worker's log says more."
    )


def _unheard(event: dict[str, Any]) -> None:
    """Nobody follows the progress of a trial."""
