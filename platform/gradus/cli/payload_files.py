"""Reads payloads from files: YAML or JSON, JSON Lines for training rows, and plain text for an answer."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from challenges.files.rows import read_train
from challenges.files.yaml_lines import YamlErrors, read
from challenges.kinds import registry as kinds
from challenges.kinds.base import Kind
from challenges.problems import said_once
from challenges.registry import kind_names
from gradus.cli.client import Failure

TEXTS = (".txt", ".md")


def payload(file: Path | None, rows: Path | None, tracks: Sequence[str], method: str | None = None) -> dict[str, Any]:
    """What to send to a challenge that accepts the kinds `tracks`.

    `rows`, or the payload's own `rows_file`, holds training rows. A text file becomes the first kind of `tracks` that
    is a plain text, and training rows alone the first kind that trains. `method` takes the place of the payload's own.

    Raises `Failure` for what cannot be read, with a problem for each line that is not a training row.
    """
    if file is None and rows is None:
        raise Failure("Name a payload file, or training rows with --rows.")
    if file is not None and file.suffix in TEXTS:
        kind = _first(tracks, "text_field", "This challenge does not take a plain text: write a payload in YAML.")
        return {"kind": kind.name, kind.text_field: _bytes(file).decode(errors="replace")}
    data = _mapping(file) if file is not None else _rows_alone(tracks)
    data |= {} if method is None else {"method": method}
    named = data.pop("rows_file", None)
    if rows is None and named is not None and file is not None:
        rows = file.parent / str(named)
    if rows is not None:
        return {**data, "rows": training_rows(rows)}
    return data


def own_run(runs: Sequence[dict[str, Any]], ids: Sequence[str], run: UUID | None) -> dict[str, Any]:
    """The part `own_run` of a payload: the rows `ids` of one of `runs`, as the site lists them, or of the newest.

    Raises `Failure` where the site lists no such run, or the run has no such row.
    """
    found = next((one for one in runs if run is None or one["run"] == str(run)), None)
    if found is None:
        raise Failure("There is no such run of yours that this question asks for: `gradus own-runs` lists them.")
    rows = {row["id"]: row for row in found["rows"]}
    if missing := [id for id in ids if id not in rows]:
        raise Failure(f"The run has no row {', '.join(missing)}: `gradus own-runs` lists its rows.")
    return {"run": found["run"], "digest": found["digest"], "rows": [rows[id] for id in ids]}


def _rows_alone(tracks: Sequence[str]) -> dict[str, Any]:
    return {"kind": _first(tracks, "rows_field", "This challenge does not take training rows.").name}


def _first(tracks: Sequence[str], attribute: str, otherwise: str) -> Kind:
    """The first kind that has the attribute. Raises `Failure` where none has it; unknown kinds have none."""
    known = [kinds.find(name) for name in tracks if name in kind_names()]
    for kind in known:
        if getattr(kind, attribute):
            return kind
    raise Failure(otherwise)


def training_rows(file: Path) -> list[dict[str, str]]:
    found, problems = read_train(_bytes(file))
    if problems:
        lines = tuple(str(replace(problem, file=str(file))) for problem in said_once(problems))
        raise Failure(f"{file}: some lines are not valid training rows.", problems=lines)
    return [row.model_dump() for row in found]


def _mapping(file: Path) -> dict[str, Any]:
    try:
        data = read(_bytes(file).decode("utf-8-sig")).data
    except UnicodeDecodeError as error:
        raise Failure(f"{file}: this is not UTF-8. Save the file as UTF-8.") from error
    except YamlErrors as errors:
        lines = tuple(str(replace(problem, file=str(file))) for problem in errors.problems)
        what = "this is not a payload, which is a mapping with `kind`, such as `kind: prompt`, in YAML or JSON."
        raise Failure(f"{file}: {what}", problems=lines) from errors
    try:
        json.dumps(data, allow_nan=False)
    except ValueError as error:
        raise Failure(f"{file}: a number is not finite. Write a number in place of .inf or .nan.") from error
    return {str(name): value for name, value in data.items()}


def _bytes(file: Path) -> bytes:
    """Reads a file. The name `-` means standard input."""
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failure(f"{file}: {error.strerror or error}") from error
