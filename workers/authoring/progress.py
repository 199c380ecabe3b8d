"""Progress bars of long commands, fed by what a grading tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


def bars(console: Console) -> Progress:
    """A bar for each run, with its name and the time that it has taken."""
    return Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console)


def reporter(progress: Progress, bar: TaskID) -> Callable[[dict[str, Any]], None]:
    """Moves `bar` with the events of a grading: rows that are done, or training steps."""

    def report(event: dict[str, Any]) -> None:
        if event["type"] == "progress":
            progress.update(bar, total=event["total"], completed=event["done"])
        elif event["type"] == "loss":
            progress.update(bar, total=event["steps"], completed=event["step"])

    return report
