"""The answers of the class, and the marks that they deserve, which the site never sees."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ATTEMPTS = (1, 2)


@dataclass(frozen=True)
class Answer:
    """The answer of one learner to one question. All first attempts are submitted before all second ones."""

    id: str
    question: str
    learner: int
    attempt: int
    answer: str


def answers() -> list[Answer]:
    return [Answer(**json.loads(line)) for line in _lines("answers.jsonl")]


def marks() -> dict[str, dict[str, str]]:
    """By an answer's id, the mark of each criterion."""
    return {row["id"]: row["marks"] for row in map(json.loads, _lines("marks.jsonl"))}


def _lines(name: str) -> list[str]:
    return (HERE / name).read_text(encoding="utf-8").splitlines()
