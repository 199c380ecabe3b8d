"""Reads a bundle's files from below one folder and nowhere else. Problems are collected instead of raised."""

from __future__ import annotations

import os
import posixpath
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from challenges.characters import broken_texts
from challenges.files import key_names
from challenges.files.encodings import decoded
from challenges.files.key_errors import explain
from challenges.files.yaml_lines import Located, YamlErrors, read
from challenges.problems import ROWS, Problem
from challenges.spec import KeyFault, keys_of_kinds, known_keys

T = TypeVar("T")
RowReader = Callable[[bytes], tuple[list[T], list[Problem]]]
YAML_MAX = 2 * 1024 * 1024
TEXT_MAX = 1024 * 1024
ROWS_MAX = 16 * 1024 * 1024
# What to do where a file is missing or empty, by its name.
WANTED = {
    "course.yaml": "write it: `schema: 1`, then id, version, title, summary and lessons, each with its value",
    "lesson.yaml": "write it: title, summary, minutes and challenges, each with its value",
    "challenge.yaml": "write it: `schema: 1`, then id, version, kind and the other keys, each with its value",
    "lesson.md": "write the lesson's text there, in Markdown",
    "statement.md": "say there what learners have to do, and how it is scored",
    "solution.md": "write there what learners read after they have passed",
    "public.jsonl": "write the rows that learners see, one JSON object on each line",
    "hidden.jsonl": "write the rows that decide the score, one JSON object on each line",
    "gold.jsonl": "write answers that you have marked, one JSON object on each line",
}
SUBMISSION = "write the submission there, beginning with its `kind: `, or remove what names the file"


@dataclass
class Source:
    """Reads files by their path relative to `root` (POSIX separators) and collects what is wrong with them."""

    root: Path
    problems: list[Problem] = field(default_factory=list)
    advice: list[Problem] = field(default_factory=list)
    """Advice of lint, which nobody has to follow."""
    not_checked: list[str] = field(default_factory=list)
    """What lint could not check on this machine, each with the reason in brackets."""
    seen: set[str] = field(default_factory=set)
    """The files that were read."""

    @cached_property
    def _base(self) -> Path:
        return self.root.resolve()

    def add(self, file: str, line: int | None, what: str, fix: str) -> None:
        self.problems.append(Problem(file, line, what, fix))

    def has(self, rel: str) -> bool:
        """Whether anything of that name exists, readable or not."""
        return os.path.lexists(self.root / rel)

    def names(self, rel: str) -> list[str] | None:
        """The sorted names in a folder, or None with a problem if there is no such folder inside the root."""
        if not self.has(rel):
            self.add(rel, None, "the folder is missing", self.instead(rel) or "add it")
            return None
        path = self._inside(rel)
        if path is None:
            return None
        try:
            return sorted(entry.name for entry in path.iterdir())
        except OSError as error:
            self.add(rel, None, f"cannot be read ({error.strerror})", "make it a readable folder")
            return None

    def data(self, rel: str, limit: int, *, needed: bool = True) -> bytes | None:
        """The bytes of one file, or None with a problem; an absent file that is not needed is no problem."""
        if not self.has(rel):
            if needed:
                self.add(rel, None, "the file is missing", self.instead(rel) or _wanted(rel))
            return None
        path = self._inside(rel)
        if path is None:
            return None
        try:
            return self._load(path, rel, limit)
        except OSError as error:
            fix = "give yourself the permission to read it, or put a readable file there"
            self.add(rel, None, f"cannot be read ({error.strerror})", fix)
            return None

    def _load(self, path: Path, rel: str, limit: int) -> bytes | None:
        if path.is_dir():
            self.add(rel, None, "is a folder", "move it away, and put a file of this name there")
            return None
        if not path.is_file():
            self.add(rel, None, "is not a regular file", "put a plain file there")
            return None
        if (size := path.stat().st_size) > limit:
            fix = "remove rows, or shorten them" if rel.endswith(ROWS) else "make it smaller"
            self.add(rel, None, f"has {size:,} bytes; {limit:,} are allowed", fix)
            return None
        self.seen.add(os.path.normpath(rel))
        return path.read_bytes()

    def _inside(self, rel: str) -> Path | None:
        clean = os.path.normpath(rel)
        try:
            base = self._base
            path = (base / clean).resolve()
        except (OSError, RuntimeError, ValueError):
            self.add(rel, None, "is no usable path", "use a plain name")
            return None
        if clean.startswith("..") or Path(clean).is_absolute():
            self.add(rel, None, "leaves the folder", "name a file inside it")
            return None
        if path != base / clean:
            self.add(rel, None, "is, or lies behind, a symbolic link", "put the file itself there")
            return None
        return path

    def instead(self, rel: str) -> str:
        """How to fix it that `rel` is missing while something lies there whose name looks the same; empty if nothing
        does."""
        place = self.root
        for part in posixpath.normpath(rel).split("/"):
            if os.path.lexists(place / part):
                place /= part
                continue
            names = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
            near = next((name for name in names if _looks(name) == _looks(part)), None)
            if near is None:
                return ""
            form = "capitals" if near.casefold() == part.casefold() else "the Unicode form of their letters (NFC, NFD)"
            return f"rename what lies there as `{near}`: the two names differ only in {form}"
        return ""

    def text(self, rel: str, *, needed: bool = True) -> str | None:
        """The content of a UTF-8 file with its line ends unchanged, or None with a problem."""
        data = self.data(rel, TEXT_MAX, needed=needed)
        return None if data is None else self._decode(rel, data)

    def _decode(self, rel: str, data: bytes) -> str | None:
        text, problems = decoded(data)
        self.problems += [replace(problem, file=rel) for problem in problems]
        return text

    def yaml(self, rel: str) -> Located | None:
        """A YAML file whose top is a mapping, with line numbers, or None with a problem."""
        data = self.data(rel, YAML_MAX)
        before = len(self.problems)
        text = None if data is None else self._decode(rel, data)
        if text is None or len(self.problems) > before:
            return None
        if not text.strip():
            self.add(rel, 1, "is empty", _wanted(rel))
            return None
        try:
            located = read(text)
        except YamlErrors as errors:
            self.problems += [replace(problem, file=rel) for problem in errors.problems]
            return None
        self.refuse_broken(rel, located.data, located)
        return located

    def refuse_broken(self, rel: str, value: Any, located: Located | None = None) -> None:
        """Adds a problem for each forbidden character that an escape in YAML or JSON spells out."""
        for path, wrong in broken_texts(value):
            line = located.line(*path) if located else None
            self.add(rel, line, f"`{'.'.join(map(str, path)) or 'a key'}`: {wrong}", "remove it")

    def model(self, rel: str, model: TypeAdapter[T], located: Located | None, data: Any = None) -> T | None:
        """Validates `located.data`, or `data` where it is given; problems get their lines from `located`."""
        if located is None:
            return None
        try:
            return model.validate_python(located.data if data is None else data)
        except ValidationError as errors:
            for error in _own(errors.errors(include_url=False)):
                path, known = self._place(rel, model, located, error)
                what, fix = explain(error, path, known)
                self.add(rel, located.line(*path), what, fix)
            return None

    def _place(
        self, rel: str, model: TypeAdapter[Any], located: Located, error: ErrorDetails
    ) -> tuple[Sequence[str | int], Sequence[str]]:
        """The path of a value that is wrong, and the keys or the choices that may stand there."""
        kind, context = error["type"], error.get("ctx", {})
        path = located.path(error["loc"], whole=kind == "missing")
        if kind.startswith("union_tag"):
            choices = key_names.choices_at(model, path)
            key = str(context["discriminator"]).strip("'")
            return ((*path, key) if kind == "union_tag_invalid" else path), choices
        if kind == "value_error" and isinstance(context["error"], KeyFault):
            return (*path, *context["error"].place), ()
        known = key_names.keys_at(model, path[:-1]) or tuple(known_keys())
        return path, (*known, *keys_of_kinds()) if rel.endswith("challenge.yaml") and len(path) == 1 else known

    def rows(self, rel: str, reader: RowReader[T], *, needed: bool) -> tuple[T, ...]:
        """The valid rows of a JSON Lines file; each invalid one adds a problem."""
        data = self.data(rel, ROWS_MAX, needed=needed)
        rows, problems = reader(data or b"")
        self.problems += [replace(problem, file=rel) for problem in problems]
        return tuple(rows)


def _own(errors: list[ErrorDetails]) -> list[ErrorDetails]:
    """The errors without each `too_short` that only follows from an invalid item."""
    wrong = [error["loc"][:-1] for error in errors if error["type"] != "missing"]
    return [error for error in errors if error["type"] != "too_short" or error["loc"] not in wrong]


def _wanted(rel: str) -> str:
    """How to fix it that a file is missing or empty."""
    folder, name = posixpath.split(rel)
    if posixpath.basename(folder) in ("baselines", "findings"):
        return SUBMISSION
    return WANTED.get(name, "add it")


def _looks(name: str) -> str:
    """A name without differences that people do not see, or that some operating systems ignore."""
    return unicodedata.normalize("NFC", name).casefold()
