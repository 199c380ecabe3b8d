"""What pydantic finds wrong with a payload, in words for whoever sent it: a field, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from challenges import kinds

# pydantic's own words name our classes here, or speak of Python.
WORDS = {
    "missing": "This field is missing: add it.",
    "extra_forbidden": "There is no such field: remove it.",
    "string_type": "Write a text, in quotes.",
    "string_unicode": "The text holds half of a character: remove it.",
    "string_sub_type": "Write a text, in quotes.",
    "model_type": "Write an object: {...}.",
    "model_attributes_type": "Write an object: {...}.",
    "dict_type": "Write an object: {...}.",
    "tuple_type": "Write a list: [...].",
    "list_type": "Write a list: [...].",
    "union_tag_not_found": "Say of which kind it is: give the field `kind`.",
    "int_parsing_size": "The number is too long.",
    "int_from_float": "Write a whole number.",
    "finite_number": "Write a finite number.",
    "recursion_loop": "It is nested too deeply.",
}

# `challenges.spec.TrainingRow` tells its two shapes apart by these.
ROW_SHAPES = (["pair"], ["preference"])


def in_words(error: Mapping[str, Any]) -> str:
    """One item of `ValidationError.errors()` as a sentence."""
    kind = str(error["type"])
    if kind == "union_tag_invalid":
        return f"There is no such kind: use one of {', '.join(kinds.names())}."
    said = WORDS.get(kind) or str(error["msg"]).removeprefix("Value error, ")
    return said if said.endswith(".") else f"{said}."


def place(location: tuple[Any, ...]) -> tuple[str, int | None]:
    """The field's name with dots, and the number of the row or example from 1 where it is in one."""
    path = [str(part) for part in location]
    # The first part names a member of the union of payloads, and is not a field.
    path = path[1:] if path and path[0] in kinds.names() else path
    # So does the third, where rows have two shapes.
    path = path[:2] + path[3:] if path[:1] == ["rows"] and path[2:3] in ROW_SHAPES else path
    numbered = len(path) > 1 and path[0] in ("rows", "examples") and path[1].isdigit()
    return ".".join(part[:80] for part in path), int(path[1]) + 1 if numbered else None
