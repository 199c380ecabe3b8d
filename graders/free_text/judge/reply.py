"""The forms of a judge's replies: exactly these keys, and a mark or a denial for exactly the criteria of the call.

The judge gets the form as a JSON schema. Its reply is checked here once more, because not every endpoint keeps to a
schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graders.base import DENIALS, Judge, Mark

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


class Denial(_Closed):
    """Whether the answer denies one criterion; `evidence` are the quotes that do."""

    id: str
    evidence: tuple[str, ...]
    reason: str
    denied: bool


class DenialReply(_Closed):
    """A reply about what an answer denies, with one entry for each criterion, in any order."""

    denials: tuple[Denial, ...]


def is_usable(reply: Any, item: Judge) -> bool:
    """Returns whether a reply has the form that its call asked for."""
    read = parse_denials if item.asks == DENIALS else parse
    return read(reply, item.criteria) is not None


def parse(reply: Any, ids: Sequence[str]) -> Reply | None:
    """Returns the reply; None if it has another form, or if a criterion is missing, unknown or named twice."""
    try:
        parsed = Reply.model_validate(reply)
    except ValidationError:
        return None
    return parsed if sorted(mark.id for mark in parsed.criteria) == sorted(ids) else None


def parse_denials(reply: Any, ids: Sequence[str]) -> DenialReply | None:
    """Returns the reply about denials; None if it has another form, or not exactly one entry for each criterion."""
    try:
        parsed = DenialReply.model_validate(reply)
    except ValidationError:
        return None
    return parsed if sorted(row.id for row in parsed.denials) == sorted(ids) else None


def denials_schema(ids: Sequence[str]) -> dict[str, Any]:
    """Returns the strict JSON schema of a reply about what an answer denies of the criteria `ids`."""
    text: dict[str, Any] = {"type": "string"}
    row = _object(
        id={"type": "string", "enum": list(ids)},
        evidence={"type": "array", "items": text},
        reason=text,
        denied={"type": "boolean"},
    )
    return _object(denials={"type": "array", "items": row})


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
