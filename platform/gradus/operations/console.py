"""Prints the lines of many programs on one terminal, each line after its program's name in a colour of its own."""

from __future__ import annotations

import os
import sys
import threading
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92)


class Console:
    """Writes whole lines from several threads. It uses colours only on a terminal."""

    def __init__(self, out: TextIO | None = None, *, width: int = 11) -> None:
        self.out = out or sys.stdout
        self.width = width
        self.coloured = self.out.isatty() and "NO_COLOR" not in os.environ
        self._lock = threading.Lock()
        self._colours: dict[str, int] = {}

    def line(self, name: str, text: str) -> None:
        """Prints a line of the program `name`."""
        prefix = f"{name:<{self.width}} |"
        if self.coloured:
            prefix = f"\x1b[{self._colour(name)}m{prefix}\x1b[0m"
        self.say(f"{prefix} {text}")

    def say(self, text: str) -> None:
        """Prints a line of `manage.py up` itself. If the terminal was closed, lines are dropped without an error."""
        with self._lock:
            try:
                self.out.write(f"{text}\n")
                self.out.flush()
            except (BrokenPipeError, OSError):
                self.out = open(os.devnull, "w")  # noqa: SIM115, PTH123

    def _colour(self, name: str) -> int:
        return self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
