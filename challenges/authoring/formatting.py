"""Puts the files of a bundle in form, without changing what they mean: `gradus challenge fmt`.

UTF-8 without a byte order mark, line feeds, one at the end, no trailing blanks; one compact object on each line of JSON
Lines, with its keys in the order of the format; no tabs in YAML; pages in the normal form NFC. A challenge keeps its
digest. What could mean something is left alone: the order of keys and all values in YAML, texts in rows and in
documents, code, links and formulas of pages, and blanks at the end of a line where they break it.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import yaml

from challenges.authoring.schemas import FOLDER, file_name, schema_line, schema_of, stale_schemas, write_schemas
from challenges.documents import Document
from challenges.files.jsonl import RowLimits, read_rows
from challenges.files.source import ROWS_MAX
from challenges.files.writing import write_whole
from challenges.files.yaml_lines import YamlErrors, read
from challenges.kinds.own_choices import Candidate
from challenges.lesson.text import reader
from challenges.problems import Problem
from challenges.rows import Attack, Benign, GoldAnswer, PreferenceRow, Sample, TrainRow

BOM = b"\xef\xbb\xbf"
SUFFIXES = (".yaml", ".jsonl", ".md", ".txt")
PAGES = ("lesson.md", "statement.md", "solution.md")
LIMITS = RowLimits(bytes_max=ROWS_MAX, rows_max=ROWS_MAX, row_bytes_max=ROWS_MAX)
ROW_MODELS = (Document, Candidate, PreferenceRow, Sample, TrainRow, GoldAnswer, Attack, Benign)
ROW_KEYS = tuple(dict.fromkeys([*(name for model in ROW_MODELS for name in model.model_fields), "completion"]))
# What YAML takes as an end of a line as well.
OTHER_LINE_ENDS = ("\x85", "\u2028", "\u2029")
ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
LAST_LINES = re.compile(r"(?:\n[ \t]*)+\Z")
SCHEMA_LINE = "# yaml-language-server:"


class Unreadable(Exception):
    """A file cannot be read, so that nobody knows what it means. `problems` say why; they name no file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.what for problem in problems))
        self.problems = problems


@dataclass
class Form:
    """The files to be formatted with their new contents, the unreadable files, and the outdated schema files."""

    changed: dict[Path, bytes] = field(default_factory=dict)
    unreadable: list[Problem] = field(default_factory=list)
    root: Path | None = None
    """The folder whose `.schemas` the files name, where there is one."""
    stale: list[str] = field(default_factory=list)

    def write(self) -> None:
        """Writes all that can be put in form. Raises OSError."""
        for path, data in self.changed.items():
            write_whole(path, data)
        if self.root is not None:
            write_schemas(self.root)


def form_of(path: Path) -> Form:
    """Returns the files that need formatting. `path` is one file, or the folder of a course, a lesson or a challenge.

    It writes nothing.
    """
    found = Form(root=_root_of(path))
    for file in sorted(_files(path)):
        try:
            before = file.read_bytes()
            after = _with_schema_line(file, found.root, formatted(file.name, before))
        except Unreadable as error:
            found.unreadable += [Problem(str(file), one.line, one.what, one.fix, one.code) for one in error.problems]
        except OSError as error:
            found.unreadable.append(Problem(str(file), None, f"cannot be read ({error.strerror})", "make it readable"))
        else:
            if after != before:
                found.changed[file] = after
    if found.root is not None:
        found.stale = [str(found.root / FOLDER / file_name(name)) for name in stale_schemas(found.root)]
    return found


def formatted(name: str, data: bytes) -> bytes:
    """The content of a file in form. Raises `Unreadable`."""
    if len(data) > ROWS_MAX:
        raise Unreadable([Problem("", None, f"has {len(data):,} bytes", f"keep it below {ROWS_MAX:,}")])
    data = data.removeprefix(BOM)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Unreadable([Problem("", line, "is not UTF-8", "save the file as UTF-8")]) from error
    if name.endswith(".jsonl"):
        return _rows(data)
    if name.endswith(".yaml"):
        return _yaml(text).encode()
    return (_page(text) if name in PAGES else text).encode()


def _rows(data: bytes) -> bytes:
    rows, problems = read_rows(data, lambda row: row, LIMITS)
    if problems:
        raise Unreadable(problems)
    try:
        return "".join(f"{_row(row)}\n" for row in rows).encode()
    except ValueError as error:
        what = "a number is too large"
        raise Unreadable([Problem("", None, what, "put it in quotes, as text")]) from error


def _row(row: dict[str, Any]) -> str:
    """Known keys first, in the order of the format. What stands in a value keeps its order, which models read.

    Only characters that nobody can see are escaped.
    """
    ordered = {key: row[key] for key in ROW_KEYS if key in row} | row
    text = ENCODER.encode(ordered)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)


def _yaml(text: str) -> str:
    try:
        located = read(text)
        meant = repr(located.data)
        text = _if(lambda changed: repr(read(changed).data) == meant, text, _line_feeds(text))
        if not any(end in text for end in OTHER_LINE_ENDS):
            located = read(text)
            text = _if(lambda changed: repr(read(changed).data) == meant, text, _without_blanks(text, located.node))
    except YamlErrors as error:
        raise Unreadable(error.problems) from error
    return _if(lambda changed: repr(read(changed).data) == meant, text, _one_end(text))


def _if(is_same: Callable[[str], bool], before: str, after: str) -> str:
    """The text `after` a change, or `before` it where the change would alter what the text means."""
    try:
        return after if after == before or is_same(after) else before
    except YamlErrors:
        return before


def _line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _one_end(text: str) -> str:
    bare = LAST_LINES.sub("", text)
    return f"{bare}\n" if bare.strip() else ""


def _without_blanks(text: str, root: yaml.Node) -> str:
    """The text without blanks at the ends of lines, and without tabs outside of values. Block scalars stay."""
    spans = [(node.start_mark, node.end_mark) for node in _scalars(root)]
    blocks = {
        line
        for node in _scalars(root)
        if node.style in ("|", ">")
        for line in range(node.start_mark.line + 1, node.end_mark.line + (node.end_mark.column > 0))
    }
    held = {
        (line, column)
        for start, end in spans
        if "\t" in text
        for line in range(start.line, end.line + 1)
        for column in range(start.column if line == start.line else 0, end.column if line == end.line else 10_000)
    }
    lines = []
    for number, line in enumerate(text.split("\n")):
        if number not in blocks:
            kept = ("\t" if char == "\t" and (number, at) in held else " " if char == "\t" else char
                    for at, char in enumerate(line))  # fmt: skip
            line = "".join(kept).rstrip(" \t")
        lines.append(line)
    return "\n".join(lines)


def _scalars(root: yaml.Node) -> Iterator[yaml.ScalarNode]:
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, yaml.ScalarNode):
            yield node
        elif isinstance(node, yaml.MappingNode):
            stack += [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            stack += node.value


def _page(text: str) -> str:
    """A page whose readers see the same as before."""
    shown = _shown(text)
    text = _line_feeds(text)
    left_alone = _code(text)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if number in left_alone:
            continue
        breaks = line.endswith("  ") and line.strip() and number + 1 < len(lines) and lines[number + 1].strip()
        line = line if breaks else line.rstrip(" \t")
        # Names of files and formulas are compared character by character.
        lines[number] = line if any(mark in line for mark in "`<>[]$") else unicodedata.normalize("NFC", line)
    for changed in (_one_end("\n".join(lines)), "\n".join(lines), _one_end(text)):
        if _shown(changed) == shown:
            return changed
    return text


def _shown(text: str) -> str:
    return unicodedata.normalize("NFC", str(reader().render(text)))


def _code(text: str) -> set[int]:
    """The lines (from 0) of blocks of code, formulas and HTML."""
    kinds = ("fence", "code_block", "math_block", "math_block_label", "html_block")
    maps = [token.map for token in reader().parse(text) if token.type in kinds and token.map]
    return {line for first, end in maps for line in range(first, end)}


def _files(path: Path) -> Iterator[Path]:
    """The text files of a bundle below a folder; hidden folders, hidden files and links are not part of it."""
    if path.is_file():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            file = Path(folder, name)
            if name.endswith(SUFFIXES) and not name.startswith(".") and not file.is_symlink() and file.is_file():
                yield file


def _root_of(path: Path) -> Path | None:
    """The folder with `.schemas` in which a file or folder of a bundle lies, at most four levels above."""
    here = path.resolve()
    return next((folder for folder in (here, *list(here.parents)[:4]) if (folder / FOLDER).is_dir()), None)


def _with_schema_line(file: Path, root: Path | None, data: bytes) -> bytes:
    name = schema_of(file.as_posix())
    if root is None or name is None or file.suffix != ".yaml":
        return data
    lines = data.decode().split("\n")
    # The line may stand below other comments, but not below what is YAML.
    above = takewhile(lambda pair: not pair[1].strip() or pair[1].startswith("#"), enumerate(lines))
    own = {number for number, line in above if line.startswith(SCHEMA_LINE)}
    text = "\n".join(line for number, line in enumerate(lines) if number not in own)
    return f"{schema_line(file.resolve(), root, name)}\n{text}".encode()
