"""Reads and writes what an edition keeps of the course that it was made from: names, scores and hidden rows.

It is the folder `.edition` beside `course.yaml`. Names that begin with a dot are never packed, so that it stays with
the author, and lint compares wherever the folder is.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from challenges.files.rows import read_samples
from challenges.files.source import ROWS_MAX, Source
from challenges.rows import Sample

FOLDER = ".edition"
RECORD = f"{FOLDER}/from.json"


@dataclass(frozen=True)
class Origin:
    """A challenge as the course had it from which the edition was made. `scores` are of its baselines, by file."""

    course: str
    version: str
    rows: tuple[Sample, ...]
    scores: Mapping[str, float]


class NoOrigin(Exception):
    """The record of an edition cannot be read. The message says what is wrong."""


def rows_file(place: str) -> str:
    """Where the hidden rows of a challenge are kept. `place` is its folder below the course's."""
    return posixpath.join(FOLDER, f"{place}.jsonl")


def record_of(course: str, version: str, scores: Mapping[str, Mapping[str, float]]) -> str:
    """The text of the record. `scores` are by the place of each challenge that has hidden rows."""
    challenges = {place: {"scores": dict(found)} for place, found in scores.items()}
    return json.dumps({"course": course, "version": version, "challenges": challenges}, indent=2, sort_keys=True) + "\n"


def origin_of(root: Path, place: str) -> Origin | None:
    """Returns a challenge as it was in that course. Returns None if `root` is no edition, or if the challenge is new.

    Raises `NoOrigin`.
    """
    source = Source(root)
    if not source.has(RECORD):
        return None
    record = _object(source.text(RECORD), "it is no JSON object")
    challenges = _object(record.get("challenges"), "`challenges` is no object")
    if place not in challenges:
        return None
    found = _object(_object(challenges[place], f"`{place}` is no object").get("scores"), "`scores` is no object")
    rows, problems = read_samples(source.data(rows_file(place), ROWS_MAX) or b"")
    if problems or source.problems:
        raise NoOrigin(str((source.problems + problems)[0]))
    scores = {file: float(score) for file, score in found.items() if isinstance(score, int | float)}
    return Origin(str(record.get("course", "")), str(record.get("version", "")), tuple(rows), scores)


def scores_of(measured: Mapping[str, Any], challenge: str, digest: str = "") -> dict[str, float]:
    """The scores of a challenge's baselines in `measured.json`, by file; with `digest`, only those of this content."""
    baselines = measured.get("baselines")
    found = baselines.get(challenge) if isinstance(baselines, dict) else None
    if not isinstance(found, dict) or (digest and found.get("digest") != digest):
        return {}
    results = found.get("results")
    rows = [one for one in results if isinstance(one, dict)] if isinstance(results, list) else []
    return {
        str(one["file"]): float(one["score"])
        for one in rows
        if "file" in one and isinstance(one.get("score"), int | float)
    }


def _object(given: Any, said: str) -> dict[str, Any]:
    value = given
    if isinstance(given, str) or given is None:
        try:
            value = json.loads(given or "")
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, dict):
        raise NoOrigin(said)
    return value
