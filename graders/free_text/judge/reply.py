"""The form of a judge's reply: exactly these keys, and a mark for exactly the criteria of the call.

The judge gets the form as a JSON schema. Its reply is checked here once more, because not every endpoint keeps to a
schema.
"""

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
    """Returns the reply; None if it has another form, or if a criterion is missing, unknown or named twice."""
    try:
        parsed = Reply.model_validate(reply)
    except ValidationError:
        return None
    return parsed if sorted(mark.id for mark in parsed.criteria) == sorted(ids) else None


def reply_schema(ids: Sequence[str]) -> dict[str, Any]:
    """Returns the strict JSON schema of a reply about the criteria `ids`."""
    text: dict[str, Any] = {"type": "string"}
    quotes = {"type": "array", "items": text}
    mark = _object(
        id={"type": "string", "enum": list(ids)},
        evidence=quotes,
        reason=text,
        mark={"type": "string", "enum": [m.value for m in Mark]},
        confidence={"type": "integer"},
    )
    pairs = {"type": "array", "items": quotes}
    return _object(
        criteria={"type": "array", "items": mark}, contradictions=pairs, addresses_grader={"type": "boolean"}
    )


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
