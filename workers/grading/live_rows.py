"""Turns the rows that an engine reports of a job into what its learner may see of them, and keeps them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog

from graders import registry, tune
from graders.base import Assignment, Generate, Grade, Result, Score, Trained, WorkItem
from graders.decoding import Output
from graders.live_rows import PUBLIC, finished, live_row, read_row
from workers.execute import CarryOut

log = structlog.get_logger(__name__)
Event = dict[str, Any]


class LiveRows:
    """Knows which item of a grading is carried out, because a row is read by its item.

    A kind whose grader does not say how it asks, and an assignment with inputs of its own, have no rows to follow.
    """

    def __init__(self, assignment: Assignment) -> None:
        self.challenge, self.samples = assignment.bundle.challenge, assignment.bundle.public
        self.ask = None if assignment.inputs else registry.ask_of(assignment)
        self._item: WorkItem | None = None
        self._outputs: dict[str, Output] = {}
        self._trained: Trained | None = None

    def around(self, item: WorkItem, carry_out: CarryOut) -> Result:
        """Remembers the item that is carried out, and what was trained."""
        self._item = item
        result = carry_out(item)
        self._trained = result if isinstance(result, Trained) else self._trained
        return result

    def read(self, event: Event) -> Event | None:
        """The event as it may be stored: other events as they are, rows as the learner sees them, or None."""
        if event["type"] != "rows":
            return event
        if self.ask is None or not isinstance(self._item, Score | Generate) or event.get("stage") != PUBLIC:
            return None
        try:
            told = [(self.ask, self.samples, self._item, number, value) for number, value in event["rows"]]
            rows = [live_row(*one) for one in told]
            self._outputs.update((sample.id, output) for sample, output in (read_row(*one) for one in told))
        except Exception as error:  # any error: the runner or a metric of another package must not end the job here
            log.warning("rows_not_read", reason=type(error).__name__)
            return None
        return {"type": "rows", "stage": PUBLIC, "rows": rows}

    def finished(self) -> Grade:
        """What the job has finished so far: rows of public samples, and what was trained."""
        grade = finished(self.challenge, self.samples, self._outputs)
        return grade if self._trained is None else replace(grade, training=tune.figures(self._trained))

    def completed(self, grade: Grade) -> Grade:
        """The grade as it is: it holds all rows."""
        return grade
