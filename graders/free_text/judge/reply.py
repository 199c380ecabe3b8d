"""The form of a judge's reply: exactly these keys, and a mark for exactly the criteria of the call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graders.base import Mark

Confidence = Annotated[float, Field(ge=0, le=100)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReplyMark(_Closed):
    """The mark of one criterion; `evidence` are quotes of the answer."""

    id: str
    evidence: tuple[str, ...]
    reason: str
    mark: Mark
    confidence: Confidence


class Reply(_Closed):
    """A reply of the judge with one mark for each criterion, in any order."""

    criteria: tuple[ReplyMark, ...]
    contradictions: tuple[tuple[str, ...], ...] = ()
    addresses_grader: bool


def parse(reply: Any, ids: Sequence[str]) -> Reply | None:
    """The reply; None if it has another form, or if a criterion is missing, unknown or named twice."""
    try:
        found = Reply.model_validate(reply)
    except ValidationError:
        return None
    return found if sorted(mark.id for mark in found.criteria) == sorted(ids) else None
