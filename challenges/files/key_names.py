"""Which keys and which choices a model takes at a place, read from the JSON Schema that pydantic makes of the model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter

Schema = Mapping[str, Any]


def keys_at(model: TypeAdapter[Any], path: Sequence[str | int]) -> tuple[str, ...]:
    """The keys that may stand in the object at `path`; empty where it takes any, or none is there."""
    found = (name for schema in _at(model, path) for name in schema.get("properties", ()))
    return tuple(dict.fromkeys(found))


def choices_at(model: TypeAdapter[Any], path: Sequence[str | int]) -> tuple[str, ...]:
    """The values of the key that decides which of several objects stands at `path`."""
    found = (tag for schema in _at(model, path) for tag in schema.get("discriminator", {}).get("mapping", ()))
    return tuple(dict.fromkeys(found))


def _at(model: TypeAdapter[Any], path: Sequence[str | int]) -> list[Schema]:
    root = _schema(model)
    found = list(_whole(root, root))
    for part in path:
        found = [one for schema in found for inner in _inner(schema, part) for one in _whole(root, inner)]
    return found


@lru_cache(maxsize=32)
def _schema(model: TypeAdapter[Any]) -> Schema:
    return model.json_schema(by_alias=True)


def _whole(root: Schema, schema: Schema) -> Iterator[Schema]:
    """The schema and all that it refers to, or that may stand in its place."""
    yield schema
    if "$ref" in schema:
        yield from _whole(root, root["$defs"][schema["$ref"].rpartition("/")[2]])
    for one in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _whole(root, one)


def _inner(schema: Schema, part: str | int) -> Iterator[Schema]:
    if isinstance(part, int):
        inner = (*schema.get("prefixItems", ())[part : part + 1], schema.get("items"))
    else:
        inner = (schema.get("properties", {}).get(part), schema.get("additionalProperties"))
    yield from (one for one in inner if isinstance(one, dict))
