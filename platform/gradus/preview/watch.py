"""Follows an author's folder: what has changed is shown at once, and checked afterwards."""

from __future__ import annotations

import time
from datetime import datetime

import typer

from challenges.lint.run import Linted
from challenges.texts import several
from gradus.preview.checker import Checker
from gradus.preview.content import first_page, write
from gradus.preview.folder import Folder, Reading, Stamps
from gradus.preview.state import STATE

LOOK_SECONDS = 0.1
SETTLED_SECONDS = 0.05


class Watch:
    """Looks at the folder several times a second. Lint runs beside, in a process of its own."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.stamps: Stamps = {}
        self.digest = ""
        self.checker = Checker(folder.root, checked)

    def begin(self) -> None:
        """Reads the folder for the first time."""
        self.stamps = self.folder.look()
        self.take(self.folder.read(self.stamps), [], time.monotonic())

    def close(self) -> None:
        self.checker.close()

    def run(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Takes over what has changed since the last look, once the files stay as they are."""
        began, now = time.monotonic(), self.folder.look()
        if now == self.stamps:
            return
        while (later := self._a_moment_later()) != now:
            now = later
        changed = sorted({name for name, _ in set(now.items()) ^ set(self.stamps.items())})
        self.stamps = now
        self.take(self.folder.read(now), changed, began)

    def _a_moment_later(self) -> Stamps:
        time.sleep(SETTLED_SECONDS)
        return self.folder.look()

    def take(self, reading: Reading, changed: list[str], began: float) -> None:
        if reading.bundle is None:
            STATE.fail(reading.problems)
            stays = "the last good content stays" if STATE.now.good else "there is nothing to show yet"
            say(changed, f"{several(len(reading.problems), 'problem')}, so {stays}")
            for problem in reading.problems:
                typer.echo(f"  {problem}")
            self.digest = ""
        elif reading.bundle.digest != self.digest:
            write(reading.bundle)
            self.digest = reading.bundle.digest
            STATE.show(first_page(reading.bundle, self.folder.marker))
            say(changed, f"shown after {time.monotonic() - began:.1f} s")
        self.checker.ask(reading.stamps)


def checked(linted: Linted) -> None:
    STATE.check(linted)
    say([], f"lint: {several(len(linted.problems), 'problem')}, advice: {len(linted.advice)}")
    for problem in linted.problems:
        typer.echo(f"  {problem}")
    for advice in linted.advice:
        typer.echo(f"  advice: {advice}")


def say(changed: list[str], text: str) -> None:
    """Prints a line with the time and the changed files."""
    names = f"{', '.join(changed[:3])}{' ...' if len(changed) > 3 else ''}: " if changed else ""
    typer.echo(f"{datetime.now():%H:%M:%S} {names}{text}")
