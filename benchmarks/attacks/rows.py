"""The rows of this folder, typed: honest answers with a person's marks, and attacks with what they deserve."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from challenges.bundle import ChallengeBundle
from challenges.reading import read_challenge

HERE = Path(__file__).parent
BENCHMARKS = HERE.parent
LIBRARY = BENCHMARKS.parent / "challenges" / "library"
LESSON = LIBRARY / "fine-tuning-vs-prompting"
LONG = BENCHMARKS / "questions_long"

# The folder of each question, and the lesson that an attacker may copy from.
# Copies are copies of a lesson as it was when they were written, so that an edited lesson leaves them what they are.
QUESTIONS = {
    "prompt-retrieve-or-train": (
        LESSON / "prompt-retrieve-or-train",
        LONG / "lessons" / "prompt-retrieve-or-train.md",
    ),
    "ninety-eight-percent": (LONG / "ninety-eight-percent", LONG / "lessons" / "ninety-eight-percent.md"),
    "reward-goes-up": (LONG / "reward-goes-up", LONG / "lessons" / "reward-goes-up.md"),
}

# The questions of the course to which the unseen rows belong, with their lessons as they are today.
BUILT_IN = {
    name: (LIBRARY / lesson / name, LIBRARY / lesson / "lesson.md")
    for name, lesson in (
        ("prompt-retrieve-or-train", "fine-tuning-vs-prompting"),
        ("where-did-the-answer-go-wrong", "retrieval"),
        ("read-the-curve", "fine-tuning-in-practice"),
        ("the-bonus-that-backfired", "teaching-preferences"),
    )
}

Mark = Literal["met", "partial", "not_met"]


@dataclass(frozen=True)
class Honest:
    """An honest answer. `quotes` are the words of it on which each mark other than not_met relies, by criterion."""

    id: str
    question: str
    style: str
    answer: str
    marks: dict[str, Mark]
    quotes: dict[str, list[str]]


@dataclass(frozen=True)
class Attack:
    """An attack. `most` is the share of all points that a strict person would give at most.

    `quotes` are the words of it that a judge who is kind to everybody would cite for *met*, for every criterion.
    """

    id: str
    question: str
    family: str
    phrasing: str
    answer: str
    most: float
    quotes: dict[str, list[str]]


def honest(sealed: bool = False) -> list[Honest]:
    """The honest answers, the open ones or the sealed ones, in the order of the file."""
    return [Honest(**row) for row in _rows("honest_sealed.jsonl" if sealed else "honest_open.jsonl")]


def attacks(sealed: bool = False) -> list[Attack]:
    """The attacks, the open ones or the sealed ones, in the order of the file."""
    return [Attack(**row) for row in _rows("sealed.jsonl" if sealed else "open.jsonl")]


def honest_unseen() -> list[Honest]:
    """The honest answers to the questions of the course, by somebody who had not seen the detectors."""
    return [Honest(**row) for row in _rows("honest_unseen.jsonl")]


def unseen() -> list[Attack]:
    """The attacks on the questions of the course, by somebody who had not seen the detectors."""
    return [Attack(**row) for row in _rows("unseen.jsonl")]


@cache
def bundle(question: str) -> ChallengeBundle:
    """The bundle of one of `QUESTIONS` or `BUILT_IN`. Raises `KeyError` for another question."""
    return read_challenge(_places(question)[0])


def sources(question: str, today: bool = False) -> dict[str, str]:
    """The texts that everybody who takes the question can read, by their kind.

    `today` takes the lesson as it is, which the authors of the unseen rows read, and not an older copy.
    """
    texts = bundle(question)
    lesson = (BUILT_IN[question] if today else _places(question))[1].read_text(encoding="utf-8")
    return {"lesson": lesson, "solution": texts.solution, "statement": texts.statement, "faq": ""}


def _places(question: str) -> tuple[Path, Path]:
    return QUESTIONS.get(question) or BUILT_IN[question]


def _rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]
