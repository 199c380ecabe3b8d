"""Runs the steps of a smoke run, and prints a table of their results."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx


class MismatchError(Exception):
    """The site did not do what it must do. The message says what was expected and what happened."""


def expect(holds: bool, said: str) -> None:
    """Raises `MismatchError` if `holds` is False. `assert` would not do: `python -O` removes it."""
    if not holds:
        raise MismatchError(said)


@dataclass(frozen=True)
class Step:
    passed: bool
    name: str
    detail: str
    seconds: float


@dataclass
class Report:
    say: Callable[[str], None]
    steps: list[Step] = field(default_factory=list)

    def step(self, name: str, action: Callable[[], str]) -> None:
        """Runs a step, and stores and prints its result. If the step fails, the next step runs all the same."""
        start = time.monotonic()
        try:
            passed, detail = True, action()
        except (MismatchError, httpx.HTTPError) as error:
            passed, detail = False, str(error) or type(error).__name__
        except Exception as error:
            passed, detail = False, f"{type(error).__name__}: {error}"
        result = Step(passed, name, detail, time.monotonic() - start)
        self.steps.append(result)
        self.say(self.line(result))

    def line(self, step: Step) -> str:
        return f"  {'ok  ' if step.passed else 'FAIL'}  {step.name:<28} {step.seconds:6.1f} s  {step.detail}"

    @property
    def failed(self) -> int:
        return sum(not step.passed for step in self.steps)

    def summary(self) -> str:
        return f"{len(self.steps) - self.failed} passed, {self.failed} failed"
