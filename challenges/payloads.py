"""What a learner submits, of any kind. The models of single kinds stand in `challenges.kinds`.

Models hold shapes only. `challenges.check` checks limits and counts tokens.
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


# JSON has one type of number, so that 3.0 is 3.
Whole = Annotated[int, BeforeValidator(_whole), Field(strict=True)]


class Payload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Submitted(Payload):
    """A whole submission. Each kind has a model of its own, whose `kind` is the literal name."""

    kind: str


class Example(Payload):
    input: Annotated[str, Field(min_length=1, max_length=8192)]
    output: Annotated[str, Field(min_length=1, max_length=8192)]


def union() -> Any:
    """The type of any payload: the union of all kinds' models, told apart by `kind`."""
    models: list[Any] = [load_kind(name).payload for name in kind_names()]
    return Annotated[reduce(or_, models), Field(discriminator="kind")] if len(models) > 1 else models[0]


def adapter() -> TypeAdapter[Submitted]:
    """Validates payloads of every kind that is known now."""
    return _adapter(kind_names())


_adapters: dict[tuple[str, ...], TypeAdapter[Submitted]] = {}


def _adapter(names: tuple[str, ...]) -> TypeAdapter[Submitted]:
    if names not in _adapters:
        _adapters[names] = cast(TypeAdapter[Submitted], TypeAdapter(union()))
    return _adapters[names]


def canonical(payload: Payload) -> str:
    """The one JSON text of a payload: sorted keys, no spaces, UTF-8 kept."""
    return json.dumps(payload.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def sha256(payload: Payload) -> str:
    """Hex digest of the canonical text; equal payloads have equal digests."""
    return hashlib.sha256(canonical(payload).encode()).hexdigest()


def parse(data: Any) -> Submitted:
    """Raises `pydantic.ValidationError`, whose locations name the field."""
    return adapter().validate_python(data)
