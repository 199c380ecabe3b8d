"""How a long computation tells what it does, and learns that it should end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Event = dict[str, Any]


class Stopped(Exception):
    """The job was cancelled from outside; nothing is wrong."""


def _silent(event: Event) -> None:
    """Where nobody listens."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Watch:
    """Passed to every engine call; `check` and the reports raise `Stopped` once `should_stop` is true."""

    on_event: Callable[[Event], None] = _silent
    should_stop: Callable[[], bool] = _never

    def check(self) -> None:
        """Raises `Stopped` where the job was cancelled."""
        if self.should_stop():
            raise Stopped

    def progress(self, stage: str, done: int, total: int) -> None:
        """Reports `done` of `total` units of `stage`."""
        self.check()
        self.on_event({"type": "progress", "stage": stage, "done": done, "total": total})

    def loss(self, step: int, steps: int, train: float, valid: float | None, seconds: float) -> None:
        """Reports one optimiser step; `valid` is set at the end of an epoch."""
        losses = {"train_loss": train, "valid_loss": valid}
        self.on_event({"type": "loss", "step": step, "steps": steps, **losses, "seconds": seconds})
        self.check()

    def checkpoint(self, step: int) -> None:
        """Reports that the adapter as of `step` is on disk."""
        self.on_event({"type": "checkpoint", "step": step})
