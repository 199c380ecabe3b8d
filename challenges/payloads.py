"""The payload of a submission: what a learner sends in. Each kind of challenge has a model of its own for it.

The models check types and the bounds that hold for every challenge. The limits of one challenge, and lengths in tokens,
are checked by `challenges.check`.
"""

from __future__ import annotations

import hashlib
import json
from functools import reduce
from operator import or_
from typing import Annotated, Any, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from challenges.registry import kind_names, load_kind


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


# JSON has one type of number: some programs write 3 as 3.0.
Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Submitted(Payload):
    """The base of all payloads that are submitted. A subclass belongs to one kind, whose name is its literal `kind`."""

    kind: str


class Example(Payload):
    input: Annotated[str, Field(min_length=1, max_length=8192)]
    output: Annotated[str, Field(min_length=1, max_length=8192)]


def union() -> Any:
    """The union of the payload models of all kinds. The value of the field `kind` decides which model is used."""
    models: list[Any] = [load_kind(name).payload for name in kind_names()]
    return Annotated[reduce(or_, models), Field(discriminator="kind")] if len(models) > 1 else models[0]


def adapter() -> TypeAdapter[Submitted]:
    """Validates payloads of every kind, those of packages that are installed now included."""
    return _adapter(kind_names())


_adapters: dict[tuple[str, ...], TypeAdapter[Submitted]] = {}


def _adapter(names: tuple[str, ...]) -> TypeAdapter[Submitted]:
    if names not in _adapters:
        _adapters[names] = cast(TypeAdapter[Submitted], TypeAdapter(union()))
    return _adapters[names]


def canonical(payload: Payload) -> str:
    """The payload as canonical JSON: keys are sorted, nothing is indented, and characters are not escaped."""
    return json.dumps(payload.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256(payload: Payload) -> str:
    """The SHA-256 of the canonical JSON, in hexadecimal. Equal payloads have equal digests."""
    return hashlib.sha256(canonical(payload).encode()).hexdigest()


def parse(data: Any) -> Submitted:
    """The payload that `data` describes. Raises `pydantic.ValidationError`, whose locations name the fields."""
    return adapter().validate_python(data)


def approach_of(data: Any) -> str:
    """The approach of a stored payload (`Kind.approach`), or "" if its kind is gone or takes no such payload now."""
    try:
        payload = parse(data)
    except ValueError:
        return ""
    name: str = load_kind(payload.kind).approach(payload)
    return name
