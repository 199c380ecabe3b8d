"""Runs `gradus challenge prove` in a separate process with a runner that needs no model.

`python -m tests.workers.authoring.prove_process ARGUMENTS`. Each work item adds a line to the file `PROVE_LOG`.
At item number `PROVE_BLOCK` the runner touches `PROVE_LOG`.blocked and waits to be killed.
"""

from __future__ import annotations

import math
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

import typer

from graders.base import Embed, Embedded, Generate, Generated, Rejected, Score, Scored, Train, Trained
from tests.challenges.factory import NOUNS
from workers.authoring import prove_command


class Knowing:
    """Gives the right answer after examples, after training, or if the instructions say KNOW; else the first label."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.closed = False

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        self.items.append(item)
        self.log(type(item).__name__)
        if isinstance(item, Train):
            if any("DIVERGE" in prompt for prompt, _ in item.rows):
                raise Rejected("diverged")
            return Trained(tempfile.mkdtemp(), 1, 0.5, None, 0.01, 0, len(item.rows), 0.0)
        if isinstance(item, Embed):
            return Embedded([self.vector(text) for text in item.texts], 0.25)
        on_event({"type": "progress", "done": 1, "total": len(item.suffixes)})
        count = [1] * len(item.suffixes)
        if isinstance(item, Generate):
            text = '{"priority": "%s", "summary": "broken"}'
            return Generated([text % ("high" if "hurry" in s else "low") for s in item.suffixes], count, count, 0.0)
        assert isinstance(item, Score)
        knows = item.adapter is not None or "Place: s" in item.prompt or "KNOW" in item.prompt
        return Scored([[self.logprob(label, s, knows) for label in item.labels] for s in item.suffixes], count, 0.0)

    def vector(self, text: str) -> list[float]:
        """One direction for the sea and one for the sky, so that a regression can tell them apart."""
        return [float(any(noun in text for noun in NOUNS[label])) for label in NOUNS]

    def logprob(self, label: str, suffix: str, knows: bool) -> float:
        right = any(noun in suffix for noun in NOUNS[label.strip()]) if knows else label.strip() == "sea"
        return math.log(0.9 if right else 0.1)

    def log(self, line: str) -> None:
        name = os.environ.get("PROVE_LOG")
        if name is None:
            return
        with Path(name).open("a") as file:
            file.write(line + "\n")
        if len(self.items) == int(os.environ.get("PROVE_BLOCK", "0")):
            Path(name + ".blocked").touch()
            threading.Event().wait()

    def close(self) -> None:
        self.closed = True


if __name__ == "__main__":
    # A shell starts background jobs with SIGINT ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    prove_command.own_runner = Knowing  # type: ignore[assignment,misc]
    typer.run(prove_command.prove)
