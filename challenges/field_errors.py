"""Translates pydantic's errors about a payload into sentences that name the field and say how to correct it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from challenges.registry import kind_names
from challenges.translation import gettext, gettext_noop, translated

TEXT = gettext_noop("Write a text, in quotes.")
OBJECT = gettext_noop("Write an object: {...}.")
LIST = gettext_noop("Write a list: [...].")
WHOLE = gettext_noop("Write a whole number.")
NUMBER = gettext_noop("Write a number.")
YES_OR_NO = gettext_noop("Write true or false.")
EMPTY = {"string_too_short": "empty_text", "too_short": "empty_list"}
# pydantic's own words name our classes here, or speak of Python. The values are those of its `ctx`.
WORDS = {
    "missing": gettext_noop("This field is missing: add it."),
    "extra_forbidden": gettext_noop("There is no such field: remove it."),
    "string_type": TEXT,
    "string_unicode": gettext_noop("The text contains half of a character: remove it."),
    "string_sub_type": TEXT,
    "empty_text": gettext_noop("This text is empty: fill it in."),
    "string_too_short": gettext_noop("The text is too short: write at least %(min_length)s characters."),
    "string_too_long": gettext_noop("The text is too long: write at most %(max_length)s characters."),
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "dict_type": OBJECT,
    "tuple_type": LIST,
    "list_type": LIST,
    "empty_list": gettext_noop("This list is empty: add at least one entry."),
    "too_short": gettext_noop("The list is too short: add entries until it has %(min_length)s."),
    "too_long": gettext_noop("The list is too long: keep at most %(max_length)s entries."),
    "literal_error": gettext_noop("Choose one of %(expected)s."),
    "union_tag_not_found": gettext_noop("Say of which kind it is: add the field “kind”."),
    "int_type": WHOLE,
    "int_from_float": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": gettext_noop("The number is too long."),
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "bool_type": YES_OR_NO,
    "bool_parsing": YES_OR_NO,
    "greater_than": gettext_noop("Write a number above %(gt)s."),
    "greater_than_equal": gettext_noop("Write a number of at least %(ge)s."),
    "less_than": gettext_noop("Write a number below %(lt)s."),
    "less_than_equal": gettext_noop("Write a number of at most %(le)s."),
    "finite_number": gettext_noop("Write a finite number."),
    "recursion_loop": gettext_noop("The value is nested too deeply."),
}
# A challenge may allow less than the bounds in these errors.
BOUNDS = frozenset({"greater_than", "greater_than_equal", "less_than", "less_than_equal", "literal_error"})

# `challenges.rows.TrainingRow` tells its two shapes apart by these.
ROW_SHAPES = (["pair"], ["preference"])


def in_words(error: Mapping[str, Any]) -> str:
    """One item of `ValidationError.errors()` as a sentence."""
    kind = str(error["type"])
    if kind == "union_tag_invalid":
        return gettext("There is no such kind: use one of %(kinds)s.") % {"kinds": ", ".join(kind_names())}
    values = _values(error)
    if values.get("min_length") == "1":
        kind = EMPTY.get(kind, kind)
    try:
        return translated(WORDS[kind]) % values
    except KeyError:
        said = str(error["msg"]).removeprefix("Value error, ")
        return said if said.endswith(".") else f"{said}."


def _values(error: Mapping[str, Any]) -> dict[str, str]:
    """The values in pydantic's message; it writes a list of choices as `1, 2 or 3`."""
    return {
        name: f"{value:g}" if isinstance(value, float) else str(value).replace(" or ", ", ")
        for name, value in (error.get("ctx") or {}).items()
    }


def place(location: tuple[Any, ...]) -> tuple[str, int | None]:
    """The field's name with dots, and the number of the row or example from 1 where it is in one."""
    path = [str(part) for part in location]
    # The first part names a member of the union of payloads, and is not a field.
    path = path[1:] if path and path[0] in kind_names() else path
    # So does the third, where rows have two shapes.
    path = path[:2] + path[3:] if path[:1] == ["rows"] and path[2:3] in ROW_SHAPES else path
    numbered = len(path) > 1 and path[0] in ("rows", "examples") and path[1].isdigit()
    return ".".join(part[:80] for part in path), int(path[1]) + 1 if numbered else None
