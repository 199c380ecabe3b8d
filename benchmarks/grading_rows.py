"""Data sets of graded answers from JSON Lines or CSV, as one bundle for each question.

Rows: `question`, `model_answer` (or `reference_answer`), `answer`, and `score` of `max_score` (or `score_norm` in
[0, 1]); optionally `rubric`, a list of criteria as in challenge.yaml, with `marks` by criterion. Attacks:
`question_key`, `category`, `answer`, `expected_points`; a category that begins with `benign` holds honest answers that
look like attacks. Questions: `question_key`, `question`, `model_answer`, `max_score`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.rows import GoldAnswer
from challenges.spec import Challenge, dump
from graders.free_text.calibration import person_score

GRADED_MAX = 100
SHOWN = 5
WHOLE = "whole"
ALIASES = {"reference_answer": "model_answer", "key": "question_key", "id": "question_key"}


class BadRows(Exception):
    """Says which line of which file is wrong, and how to mend it."""


@dataclass(frozen=True)
class Row:
    """One graded answer; `score` is a share of all points."""

    answer: str
    score: float
    marks: dict[str, str] | None = None


@dataclass(frozen=True)
class Attack:
    """One attack, or one benign look-alike; `most` is a share of all points."""

    category: str
    answer: str
    most: float

    @property
    def is_benign(self) -> bool:
        return self.category.startswith("benign")


@dataclass
class Asked:
    """One question with its graded answers and its attacks."""

    question: str
    model_answer: str
    max_score: float = 1.0
    rubric: Sequence[dict[str, Any]] | None = None
    passing: float = 0.5
    rows: list[Row] = field(default_factory=list)
    attacks: list[Attack] = field(default_factory=list)

    def bundle(self, graded: Sequence[Row]) -> ChallengeBundle:
        """With `graded` as the author's answers, `GRADED_MAX` at most; the first few are shown to the judge."""
        spec = Challenge.model_validate(
            {
                "schema": 1,
                "id": "data-set",
                "version": "1.0.0",
                "kind": "free_text",
                "title": "Data set",
                "question": self.question,
                "model_answer": self.model_answer,
                "rubric": self.rubric or [_whole(self.model_answer)],
                "pass": self.passing,
                "hints": ["-", "-", "-"],
                "baselines": [{"file": "baselines/a.yaml", "min": 0.5}, {"file": "baselines/b.yaml", "max": 0.4}],
            }
        )
        gold = tuple(
            GoldAnswer(
                answer=row.answer, marks=row.marks or _as_marks(row), role="prompt" if n < SHOWN else "calibration"
            )
            for n, row in enumerate(graded[:GRADED_MAX])
        )
        return ChallengeBundle(spec, "", "", gold=gold)


def _whole(model_answer: str) -> dict[str, Any]:
    return {
        "id": WHOLE,
        "points": 100,
        "label": "Answers the question",
        "text": "The answer says what the model answer says, in any words. Half credit for about half of it.",
        "partial": "half",
        "accept": [model_answer],
    }


def _as_marks(row: Row) -> dict[str, Any]:
    return {WHOLE: "met" if row.score >= 0.75 else "partial" if row.score >= 0.25 else "not_met"}


def load(rows: Path, attacks: Path | None, questions: Path | None) -> list[Asked]:
    """Raises BadRows for what cannot be read."""
    found: dict[str, Asked] = {}
    keys: dict[str, str] = {}
    for where, row in _read(questions) if questions else ():
        asked = _question(found, where, row)
        keys[_text(where, row, "question_key")] = asked.question
    for where, row in _read(rows):
        _question(found, where, row).rows.append(_row(where, row))
    for where, row in _read(attacks) if attacks else ():
        key = _text(where, row, "question_key")
        asked = found.get(keys.get(key, key))
        if asked is None:
            raise BadRows(f"{where}: no question has the key {key!r}: name it in the file of --questions")
        most = _number(where, row.get("expected_points", 0)) / asked.max_score
        asked.attacks.append(Attack(_text(where, row, "category"), _text(where, row, "answer"), most))
    return list(found.values())


def _question(found: dict[str, Asked], where: str, row: dict[str, Any]) -> Asked:
    """The first row of a question makes it; a rubric may come with any."""
    question = _text(where, row, "question")
    if question not in found:
        most = _number(where, row.get("max_score") or 1)
        found[question] = Asked(question, _text(where, row, "model_answer"), most)
    if found[question].rubric is None and isinstance(row.get("rubric"), list):
        found[question].rubric = row["rubric"]
    return found[question]


def _row(where: str, row: dict[str, Any]) -> Row:
    if row.get("score_norm") not in (None, ""):
        share = _number(where, row["score_norm"])
    elif "score" in row and row.get("max_score"):
        share = _number(where, row["score"]) / _number(where, row["max_score"])
    else:
        raise BadRows(f"{where}: no score: give `score` and `max_score`, or `score_norm`")
    if not 0 <= share <= 1:
        raise BadRows(f"{where}: the score is not between 0 and its maximum")
    return Row(_text(where, row, "answer"), share, row.get("marks") if row.get("rubric") else None)


def _read(path: Path) -> Iterable[tuple[str, dict[str, Any]]]:
    """Each row with its place, under the first of its names."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadRows(f"{path}: cannot be read as UTF-8 text: {type(error).__name__}") from None
    parsed = csv.DictReader(text.splitlines(keepends=True)) if path.suffix == ".csv" else _json_lines(path, text)
    for number, row in enumerate(parsed, 1):
        renamed = {ALIASES[name]: row[name] for name in ALIASES if name in row}
        yield f"{path}: row {number}", {**renamed, **row}


def _json_lines(path: Path, text: str) -> Iterable[dict[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise BadRows(f"{path}: line {number} is not JSON") from None
        if not isinstance(row, dict):
            raise BadRows(f"{path}: line {number} is no object")
        yield row


def _text(where: str, row: dict[str, Any], name: str) -> str:
    if not isinstance(row.get(name), str | int):
        raise BadRows(f"{where}: `{name}` is missing")
    return str(row[name])


def _number(where: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise BadRows(f"{where}: {value!r} is no number") from None


def of_challenge(bundle: ChallengeBundle) -> Asked:
    """A challenge's own answers in the same form. `test` answers come last."""
    spec = bundle.challenge
    asked = Asked(
        free_text(spec).question or "",
        free_text(spec).model_answer or "",
        1.0,
        [dump(c) for c in free_text(spec).rubric],
        spec.pass_,
    )
    asked.rows = [Row(g.answer, person_score(spec, g.marks), dict(g.marks)) for g in bundle.gold]
    asked.attacks = [Attack(a.category, a.answer, a.max_score) for a in bundle.attacks]
    asked.attacks += [Attack(f"benign-{b.category}", b.answer, person_score(spec, b.marks)) for b in bundle.benign]
    return asked
