"""What the judge must send: exactly these keys, exactly these criteria."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graders.base import Mark

Confidence = Annotated[float, Field(ge=0, le=100)]


class _Closed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReplyMark(_Closed):
    id: str
    evidence: tuple[str, ...]
    reason: str
    mark: Mark
    confidence: Confidence


class Reply(_Closed):
    """One mark for each criterion, in any order."""

    criteria: tuple[ReplyMark, ...]
    contradictions: tuple[tuple[str, ...], ...] = ()
    addresses_grader: bool


def parse(reply: Any, ids: Sequence[str]) -> Reply | None:
    """The reply, or None where it has another form, lacks a criterion, or names one twice or one that is unknown."""
    try:
        found = Reply.model_validate(reply)
    except ValidationError:
        return None
    return found if sorted(mark.id for mark in found.criteria) == sorted(ids) else None
