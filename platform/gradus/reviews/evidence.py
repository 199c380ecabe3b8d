"""What a reviewer reads: the answer with its evidence marked, the machine's notes, the nearest graded answers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.core.files.storage import storages

from challenges.spec import Challenge, Criterion
from gradus.reviews.services import POINTS
from gradus.submissions.models import Evaluation


@dataclass(frozen=True)
class Piece:
    """A stretch of the answer; `is_evidence` where the machine quoted it."""

    text: str
    is_evidence: bool


@dataclass(frozen=True)
class Neighbour:
    """An answer that the author graded, near to this one; `score` in [0, 1]."""

    likeness: float
    answer: str
    marks: dict[str, str]
    score: float


@dataclass(frozen=True)
class Notes:
    """From the raw result in private storage; for staff only."""

    flags: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    votes: list[dict[str, str]] = field(default_factory=list)
    nearest: list[Neighbour] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One criterion beside what the machine made of it."""

    criterion: Criterion
    mark: str
    points: float
    quotes: list[str]
    votes: list[str]


def pieces(answer: str, quotes: Iterable[str]) -> list[Piece]:
    """The answer cut at the quotes; overlapping quotes are one stretch, quotes that do not occur are left out."""
    covered = [False] * len(answer)
    for quote in quotes:
        at = answer.find(quote) if quote else -1
        while at >= 0:
            covered[at : at + len(quote)] = [True] * len(quote)
            at = answer.find(quote, at + len(quote))
    cuts = [n for n in range(1, len(answer)) if covered[n] != covered[n - 1]]
    edges = [0, *cuts, len(answer)]
    return [Piece(answer[a:b], covered[a]) for a, b in pairwise(edges) if a < b]


def notes(evaluation: Evaluation, challenge: Challenge) -> Notes:
    """Empty where the machine kept nothing."""
    private = _raw(evaluation).get("private", {})
    return Notes(
        flags=list(private.get("flags", [])),
        problems=list(private.get("problems", [])),
        votes=list(private.get("votes", [])),
        nearest=[_neighbour(item, challenge) for item in private.get("nearest", [])],
    )


def _raw(evaluation: Evaluation) -> dict[str, Any]:
    store = storages["private"]
    if not evaluation.raw or not store.exists(evaluation.raw):
        return {}
    with store.open(evaluation.raw) as file:
        raw: dict[str, Any] = json.loads(file.read())
        return raw


def _neighbour(item: dict[str, Any], challenge: Challenge) -> Neighbour:
    total = sum(criterion.points for criterion in challenge.rubric)
    marks: dict[str, str] = item["marks"]
    earned = sum(criterion.points * POINTS.get(marks.get(criterion.id, ""), 0.0) for criterion in challenge.rubric)
    return Neighbour(item["likeness"], item["answer"], marks, earned / total)


def lines(evaluation: Evaluation, challenge: Challenge, votes: list[dict[str, str]]) -> list[Line]:
    """In the rubric's order."""
    given = {mark["id"]: mark for mark in (evaluation.result or {}).get("marks", [])}
    return [_line(criterion, given.get(criterion.id, {}), votes) for criterion in challenge.rubric]


def _line(criterion: Criterion, mark: dict[str, Any], votes: list[dict[str, str]]) -> Line:
    return Line(
        criterion=criterion,
        mark=mark.get("mark", "cannot_tell"),
        points=mark.get("points", 0.0),
        quotes=list(mark.get("evidence", [])),
        votes=[vote.get(criterion.id, "") for vote in votes],
    )
