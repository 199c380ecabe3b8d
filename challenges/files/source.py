"""Reads a bundle's files from below one folder and nowhere else. Problems are collected instead of raised."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from challenges.characters import broken, broken_texts
from challenges.field_errors import in_words
from challenges.files.yaml_lines import Located, YamlErrors, read
from challenges.problems import Problem
from challenges.spec import FORMS, VERSION, known_keys

T = TypeVar("T")
RowReader = Callable[[bytes], tuple[list[T], list[Problem]]]
YAML_MAX = 2 * 1024 * 1024
TEXT_MAX = 1024 * 1024
ROWS_MAX = 16 * 1024 * 1024


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

    def add(self, file: str, line: int | None, what: str, fix: str) -> None:
        self.problems.append(Problem(file, line, what, fix))

    def has(self, rel: str) -> bool:
        """Whether anything of that name exists, readable or not."""
        return os.path.lexists(self.root / rel)

    def names(self, rel: str) -> list[str] | None:
        """The sorted names in a folder, or None with a problem if there is no such folder inside the root."""
        if not self.has(rel):
            self.add(rel, None, "the folder is missing", "add it")
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
                self.add(rel, None, "the file is missing", "add it")
            return None
        path = self._inside(rel)
        if path is None:
            return None
        try:
            return self._load(path, rel, limit)
        except OSError as error:
            self.add(rel, None, f"cannot be read ({error.strerror})", "make it a readable file")
            return None

    def _load(self, path: Path, rel: str, limit: int) -> bytes | None:
        if not path.is_file():
            self.add(rel, None, "is not a regular file", "put a plain file there")
            return None
        if (size := path.stat().st_size) > limit:
            self.add(rel, None, f"has {size:,} bytes; {limit:,} are allowed", "make it smaller")
            return None
        self.seen.add(os.path.normpath(rel))
        return path.read_bytes()

    def _inside(self, rel: str) -> Path | None:
        clean = os.path.normpath(rel)
        try:
            base = self.root.resolve()
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

    def text(self, rel: str, *, needed: bool = True) -> str | None:
        """The content of a UTF-8 file with its line ends unchanged, or None with a problem."""
        data = self.data(rel, TEXT_MAX, needed=needed)
        return None if data is None else self._decode(rel, data)

    def _decode(self, rel: str, data: bytes) -> str | None:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.add(rel, data[: error.start].count(b"\n") + 1, "is not UTF-8", "save the file as UTF-8")
            return None
        for number, line in enumerate(text.split("\n"), 1):
            if (wrong := broken(line)) is not None:
                self.add(rel, number, wrong, "remove it")
        return text

    def yaml(self, rel: str) -> Located | None:
        """A YAML file whose top is a mapping, with line numbers, or None with a problem."""
        data = self.data(rel, YAML_MAX)
        text = None if data is None else self._decode(rel, data)
        if text is None:
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
                what, fix = explain(error)
                self.add(rel, located.line(*error["loc"]), what, fix)
            return None

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


# What is meant by a key of which the type alone does not say it.
MEANT = {
    "version": ("is not three numbers", FORMS[VERSION]),
    "hints": ("is not a list of three texts", "write three hints, each on a line of its own that begins with `- `"),
}
MISSHAPEN = ("string_type", "tuple_type", "list_type", "too_long")
# What adds the first entry of a list.
FIRST_ENTRY = {"challenges": "run `gradus challenge new KIND NAME` in this folder"}


def explain(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong and how to fix it. Values may be private: only a number that is out of bounds is repeated."""
    where = ".".join(str(part) for part in error["loc"]) or "the file"
    last = str(error["loc"][-1]) if error["loc"] else ""
    kind = error["type"]
    if kind == "missing" and isinstance(error["loc"][-1], int):
        # A list with a fixed number of items has fewer.
        where, last, kind = where.rpartition(".")[0], str(error["loc"][-2]), "tuple_type"
    if kind in MISSHAPEN and last in MEANT:
        return f"`{where}` {MEANT[last][0]}", MEANT[last][1]
    if kind == "too_short" and last in FIRST_ENTRY:
        return f"`{where}` is empty", FIRST_ENTRY[last]
    if kind == "missing":
        return f"`{where}` is missing", "add it"
    if kind == "unexpected_keyword_argument":
        return f"the key `{where}` is unknown", "remove it"
    if kind == "extra_forbidden":
        near = get_close_matches(last, known_keys(), n=1)
        return f"the key `{where}` is unknown", f"did you mean `{near[0]}`?" if near and near != [last] else "remove it"
    if kind.startswith("union_tag"):
        key = str(error["ctx"].get("discriminator", "type")).strip("'")
        expected = error["ctx"].get("expected_tags")
        return (
            f"`{where}` does not say of which `{key}` it is",
            f"give `{key}` {f'one of {expected}' if expected else ''}",
        )
    if kind == "value_error":
        what, _, fix = error["msg"].removeprefix("Value error, ").partition(": ")
        return f"`{where}`: {what}", fix or "correct the value"
    what, fix = _misfit(error)
    return f"`{where}` {what}", fix


def _misfit(error: ErrorDetails) -> tuple[str, str]:
    """What is wrong with a value of the wrong type or form, or one that is out of bounds."""
    kind, given, bounds = error["type"], error["input"], error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return "is malformed", FORMS.get(bounds["pattern"], f"write a text that matches {bounds['pattern']}")
    if kind == "string_type":
        return ("is empty", "write a text") if given is None else ("is not a text", "put the value in quotes")
    words = in_words(error)
    fix = f"{words[0].lower()}{words[1:].rstrip('.')}"
    if not isinstance(given, int | float) or isinstance(given, bool):
        return "does not fit", fix
    # Somebody who writes 72 where shares are asked for means 72 per cent.
    meant = f", such as {given / 100:g} for {given:g} per cent" if bounds.get("le") == 1 and 2 <= given <= 100 else ""
    return f"is {given:g}", fix + meant
