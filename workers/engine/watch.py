"""How a long computation tells what it does, and learns that it should end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
# A label row's final log-probabilities, or the text of a generated row.
RowValue = list[float] | str
PUBLIC = "public"


class Stopped(Exception):
    """The job was cancelled from outside; nothing is wrong."""


def _silent(event: Event) -> None:
    """Where nobody listens."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Watch:
    """Passed to every engine call; `check` and the reports raise `Stopped` once `should_stop` is true.

    `on_tokens`, where it is set, is called while texts are written: with the generation's job, a row, where the row's
    new tokens begin, and the `[n, d]` hidden states after which they came.
    """

    on_event: Callable[[Event], None] = _silent
    should_stop: Callable[[], bool] = _never
    on_tokens: Callable[..., None] | None = None

    def check(self) -> None:
        """Raises `Stopped` where the job was cancelled."""
        if self.should_stop():
            raise Stopped

    def progress(self, stage: str, done: int, total: int) -> None:
        """Reports `done` of `total` units of `stage`."""
        self.check()
        self.on_event({"type": "progress", "stage": stage, "done": done, "total": total})

    def follows_rows(self, stage: str) -> bool:
        """Whether single rows of `stage` are reported: those that a learner may see, and no others."""
        return stage == PUBLIC

    def rows(self, stage: str, values: Mapping[int, RowValue]) -> None:
        """Reports rows by number whose values are final. Nothing is reported of a stage that is not followed."""
        if values and self.follows_rows(stage):
            self.on_event({"type": "rows", "stage": stage, "rows": [[n, value] for n, value in values.items()]})

    def loss(
        self, step: int, steps: int, train: float, valid: float | None, seconds: float, figures: Mapping[str, float]
    ) -> None:
        """Reports one optimiser step; `valid` is set where it was measured. `figures` are what else is known of it."""
        losses = {"train_loss": train, "valid_loss": valid, **figures}
        self.on_event({"type": "loss", "step": step, "steps": steps, **losses, "seconds": seconds})
        self.check()

    def checkpoint(self, step: int) -> None:
        """Reports that the adapter as of `step` is on disk."""
        self.on_event({"type": "checkpoint", "step": step})


@dataclass(frozen=True)
class FinalRows:
    """Reports each row of one item once, as soon as its value is final."""

    watch: Watch
    stage: str
    _told: set[int] = field(default_factory=set)

    @property
    def are_followed(self) -> bool:
        return self.watch.follows_rows(self.stage)

    def tell(self, values: Mapping[int, RowValue]) -> None:
        """Reports those rows of `values` that were not reported before."""
        self.watch.rows(self.stage, {n: value for n, value in values.items() if n not in self._told})
        self._told.update(values)

    def end(self, values: Mapping[int, RowValue]) -> None:
        """Reports what is left of all rows, and that the stage is at its end."""
        self.tell(values)
        self.watch.progress(self.stage, len(values), len(values))
