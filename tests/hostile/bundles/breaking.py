"""What a broken bundle is, and the ways in which the tables break the course of `tests.hostile.bundles.course`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Break = Callable[[Path], object]


@dataclass(frozen=True)
class Broken:
    """One way to break the course, and where the message stands that its author must get.

    `name` says what is wrong in an author's words. The message names `file` and `line` (None where no line exists); its
    words stand in `docs/authors/messages.md`, in the row of that name. `most` is the largest number of messages: a
    mistake that has consequences elsewhere may have one for each. What needs a permission is no mistake to root, who
    may read everything.
    """

    name: str
    breaks: Break
    file: str
    line: int | None
    most: int = 1
    is_advice: bool = False
    needs_permission: bool = False

    def __str__(self) -> str:
        return self.name


def put(file: str, content: str | bytes) -> Break:
    """Writes a file, in place of the one that is there."""

    def breaks(root: Path) -> None:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return breaks


def swap(file: str, old: str, new: str) -> Break:
    """Replaces the first `old` in a file, which must be there."""

    def breaks(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8")
        assert old in text, f"{file} holds no {old!r}"
        put(file, text.replace(old, new, 1))(root)

    return breaks


def recode(file: str, change: Callable[[bytes], bytes]) -> Break:
    """Changes the bytes of a file."""
    return lambda root: (root / file).write_bytes(change((root / file).read_bytes()))


def append(file: str, text: str) -> Break:
    """Adds text at the end of a file."""
    return recode(file, lambda data: data + text.encode())


def remove(file: str) -> Break:
    """Removes a file, or a folder with all that is in it."""

    def breaks(root: Path) -> None:
        path = root / file
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return breaks


def line(file: str, number: int, text: str) -> Break:
    """Replaces a line, counted from 1."""

    def breaks(root: Path) -> None:
        lines = (root / file).read_text(encoding="utf-8").split("\n")
        lines[number - 1] = text
        put(file, "\n".join(lines))(root)

    return breaks


def row(file: str, number: int, **changes: Any) -> Break:
    """Changes keys of a row of JSON Lines, counted from 1; a key that becomes `...` is left out."""

    def breaks(root: Path) -> None:
        text = (root / file).read_text(encoding="utf-8").split("\n")[number - 1]
        changed = {key: value for key, value in {**json.loads(text), **changes}.items() if value is not ...}
        line(file, number, json.dumps(changed))(root)

    return breaks


def rows(file: str, change: Callable[[list[str]], list[str]]) -> Break:
    """Changes the list of a file's lines."""

    def breaks(root: Path) -> None:
        put(file, "\n".join(change((root / file).read_text(encoding="utf-8").splitlines())) + "\n")(root)

    return breaks


def both(*breaks: Break) -> Break:
    """Does one after the other."""

    def every(root: Path) -> None:
        for one in breaks:
            one(root)

    return every
