"""What the preview shows at the moment. The thread that watches the folder sets it, and the pages read it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

from challenges.lint.run import Linted
from challenges.problems import Problem


@dataclass(frozen=True)
class Moment:
    """`shown` counts what pages have shown so far, `good` the contents among it, and `checked` the results of lint.

    `unread` is why the folder cannot be read now; then pages can show the last good content only. `first` is the
    address of the first page.
    """

    shown: int = 0
    good: int = 0
    checked: int = 0
    unread: tuple[Problem, ...] = ()
    linted: Linted | None = None
    first: str = "/"

    @property
    def problems(self) -> list[Problem]:
        return list(self.unread) if self.linted is None else self.linted.problems

    @property
    def advice(self) -> list[Problem]:
        return [] if self.linted is None else self.linted.advice


class State:
    def __init__(self) -> None:
        self.now = Moment()
        self._changed = threading.Condition()

    def show(self, first: str) -> None:
        """Pages have new content from now on."""
        self._set(shown=self.now.shown + 1, good=self.now.good + 1, unread=(), linted=None, first=first)

    def fail(self, problems: tuple[Problem, ...]) -> None:
        """The folder cannot be read as it is now. The content before it stays."""
        self._set(shown=self.now.shown + 1, unread=problems, linted=None)

    def check(self, linted: Linted) -> None:
        self._set(checked=self.now.checked + 1, linted=linted)

    def _set(self, **changes: Any) -> None:
        with self._changed:
            self.now = replace(self.now, **changes)
            self._changed.notify_all()

    def wait(self, seen: Moment | None, seconds: float) -> Moment:
        """Returns as soon as the moment is another than `seen`, or after `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self.now is not seen, seconds)
            return self.now


STATE = State()
