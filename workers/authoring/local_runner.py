"""The runner of an author's command line, and the progress bars that the events of a grading move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from workers.engine import model_files
from workers.sandbox.choosing import FileChoices
from workers.sandbox.supervisor import Runner


def own_runner() -> Runner:
    """A runner that keeps in the data folder how it computes, so that only the first command measures it."""
    return Runner(choices=FileChoices(model_files.data_dir() / "choices.json"))


def bars(console: Console) -> Progress:
    """A display of progress bars, each with its name and its elapsed time."""
    return Progress(TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), console=console)


def reporter(progress: Progress, bar: TaskID) -> Callable[[dict[str, Any]], None]:
    """A function that moves `bar` with the events of a grading: finished rows or training steps."""

    def report(event: dict[str, Any]) -> None:
        if event["type"] == "progress":
            progress.update(bar, total=event["total"], completed=event["done"])
        elif event["type"] == "loss":
            progress.update(bar, total=event["steps"], completed=event["step"])

    return report
