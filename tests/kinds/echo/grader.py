"""Grades `echo`: a row is right where the filled pattern is its target. No model is asked, so nothing is yielded."""

from collections.abc import Sequence
from typing import cast

from challenges.rows import Sample
from graders.base import Assignment, Grade, GradedSample, Grading
from tests.kinds.echo.description import EchoPayload


def grade(assignment: Assignment) -> Grading:
    payload, bundle = cast(EchoPayload, assignment.payload), assignment.bundle
    public = _rows(payload, bundle.public)
    hidden = _rows(payload, bundle.hidden) if assignment.hidden else ()
    return Grade(score=_share(hidden) if hidden else None, hidden=hidden, public=public, public_score=_share(public))
    yield


def _rows(payload: EchoPayload, samples: Sequence[Sample]) -> tuple[GradedSample, ...]:
    said = [(s, " ".join([payload.pattern.replace("{input}", s.input)] * payload.times)) for s in samples]
    return tuple(GradedSample(s.id, text, float(text == s.target), text == s.target) for s, text in said)


def _share(rows: Sequence[GradedSample]) -> float:
    return sum(row.score for row in rows) / len(rows)
