"""Says in an author's words what is wrong with a key of a YAML file, or of a row."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from challenges.field_errors import in_words
from challenges.spec import FORMS, VERSION, KeyFault, keys_of_kinds

# What is meant by a key of which the type alone does not say it.
MEANT = {
    "version": ("is not three numbers", FORMS[VERSION]),
    "hints": ("is not a list of three texts", "write three hints, each on a line of its own that begins with `- `"),
}
MISSHAPEN = ("string_type", "tuple_type", "list_type", "too_long")
# What to write where a key is missing, if its name alone does not say it.
EXAMPLES = {
    "schema": "schema: 1",
    "id": "id: my-name",
    "version": "version: 1.0.0",
    "minutes": "minutes: 20",
    "pass": "pass: 0.60",
    "lessons": "lessons: [my-lesson]",
    "challenges": "challenges: [my-challenge]",
    "hints": "hints:` and three lines that begin with `- ",
    "baselines": "baselines:` and two lines such as `- {file: baselines/weak.yaml, max: 0.40}",
    "labels": "labels: [one, another]",
    "rubric": "rubric:` and its criteria, as docs/bundle.md shows them: `- {id: cause, points: 50, ...}",
}
TYPES = {
    "tuple_type": ("is not a list", "write a list: `{key}: [one, another]`"),
    "list_type": ("is not a list", "write a list: `{key}: [one, another]`"),
    "dict_type": ("is not a group of keys", "write keys with values: `{key}: {{one: 1}}`"),
    "model_type": ("is not a group of keys", "write keys with values: `{key}: {{one: 1}}`"),
    "bool_type": ("is neither true nor false", "write true or false"),
    "bool_parsing": ("is neither true nor false", "write true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), ("is not a whole number", "write a whole number")),
    **dict.fromkeys(("float_type", "float_parsing"), ("is not a number", "write a number")),
}
# What adds the first entry of a list.
FIRST_ENTRY = {"challenges": "run `gradus challenge new KIND NAME` in this folder"}
A_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")


def explain(error: ErrorDetails, path: Sequence[str | int], known: Collection[str] = ()) -> tuple[str, str]:
    """Returns the problem of a key or value, and its cure.

    `path` leads to the value in the file, by keys and indices. `known` are the keys that are allowed there. A value may
    be private, so the message repeats it only if it is a number out of bounds.
    """
    kind, given = error["type"], error["input"]
    if kind == "missing" and path and isinstance(path[-1], int):
        # A list with a fixed number of items has fewer.
        path, kind, given = path[:-1], "tuple_type", None
    where, last = ".".join(map(str, path)), str(path[-1]) if path else ""
    if kind in MISSHAPEN and last in MEANT:
        return f"`{where}` {MEANT[last][0]}", MEANT[last][1]
    if kind == "missing":
        return f"`{where}` is missing", f"add `{_example(last)}`"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return _unknown(where, last, known)
    if kind.startswith("union_tag"):
        return _undecided(error, where, last, known)
    if kind == "value_error":
        return _refused(error, where)
    what, fix = _misfit(error, kind, given, last)
    return f"`{where}` {what}", fix


def _example(key: str) -> str:
    """What to write for a missing key; a kind's model may give an example of its own."""
    of_a_kind = keys_of_kinds().get(key)
    if of_a_kind and of_a_kind.examples:
        return f"{key}: {json.dumps(of_a_kind.examples[0])}"
    return EXAMPLES.get(key, f"{key}: ...")


def _unknown(where: str, last: str, known: Collection[str]) -> tuple[str, str]:
    near = get_close_matches(last.strip(), [name for name in known if name != last], n=1)
    if last != last.strip():
        return f"the key `{where}` has a space in its name, such as a no-break space", f"write it as `{last.strip()}`"
    if not A_KEY.fullmatch(last):
        # What stands where a key is expected may be the text of a hidden row.
        return "a key is unknown", "remove it"
    return f"the key `{where}` is unknown", f"did you mean `{near[0]}`?" if near else "remove it"


def _undecided(error: ErrorDetails, where: str, last: str, known: Collection[str]) -> tuple[str, str]:
    """A union of which a key decides, such as `type`; `known` are the values that this key may have."""
    key = str(error.get("ctx", {}).get("discriminator", "type")).strip("'")
    choices = ", ".join(known)
    if error["type"] == "union_tag_not_found":
        return f"`{where}.{key}` is missing" if where else f"`{key}` is missing", f"add `{key}:` with one of {choices}"
    return f"`{where}` is none that exists", f"write one of {choices}"


def _refused(error: ErrorDetails, where: str) -> tuple[str, str]:
    fault = error.get("ctx", {}).get("error")
    if isinstance(fault, KeyFault):
        owner = where.removesuffix(".".join(map(str, fault.place))).rstrip(".")
        return f"`{owner}`: {fault.what}" if owner else fault.what, fault.fix
    what, _, fix = error["msg"].removeprefix("Value error, ").partition(": ")
    return f"`{where}`: {what}" if where else what, fix or "correct the value"


def _misfit(error: ErrorDetails, kind: str, given: Any, key: str) -> tuple[str, str]:
    """What is wrong with a value of the wrong type or form, or one that is out of bounds."""
    bounds: Mapping[str, Any] = error.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return "is malformed", FORMS.get(bounds["pattern"], f"write a text that matches {bounds['pattern']}")
    if kind == "string_type" and given is not None:
        a_group = isinstance(given, list | tuple | dict)
        return "is not a text", "write one text, without brackets" if a_group else "put the value in quotes"
    if given is None:
        return "is empty", "write a text" if kind == "string_type" else _sentence(error)
    if kind in TYPES:
        what, fix = TYPES[kind]
        return what, fix.format(key=key) + _as_number(given)
    if kind == "literal_error" and key == "schema":
        return "is not one that this version of Gradus reads", f"write `schema: {bounds['expected']}`, or update Gradus"
    if kind == "literal_error":
        return "has a value that it may not have", _sentence(error)
    if kind in ("string_too_short", "too_short"):
        return _too_short(kind, int(bounds["min_length"]), given, key)
    if kind == "string_too_long":
        return "is too long", f"write at most {bounds['max_length']} characters"
    if kind == "too_long":
        return "has too many entries", f"keep at most {bounds['max_length']} entries"
    if isinstance(given, int | float) and not isinstance(given, bool):
        # Somebody who writes 72 where shares are asked for means 72 per cent.
        a_share = bounds.get("le") == 1 and 2 <= given <= 100
        meant = f", such as {given / 100:g} for {given:g} per cent" if a_share else ""
        return f"is {given:g}", _sentence(error) + meant
    return "does not fit", _sentence(error)


def _too_short(kind: str, least: int, given: Any, key: str) -> tuple[str, str]:
    if not given:
        return "is empty", "write a text" if kind == "string_too_short" else FIRST_ENTRY.get(
            key, "add at least one entry"
        )
    if kind == "string_too_short":
        return "is too short", f"write at least {least} characters"
    return "has too few entries", f"add entries until it has {least}"


def _as_number(given: Any) -> str:
    """How a text that is meant as a number is written as one."""
    if not isinstance(given, str) or not re.fullmatch(r"\d{1,6}([.,]\d{1,6})?\s*%?", given):
        return ""
    number = float(given.rstrip("% ").replace(",", "."))
    return f", such as {number / 100 if given.endswith('%') else number:g}"


def _sentence(error: ErrorDetails) -> str:
    """The sentence that learners read, as the end of another one."""
    words = in_words(error)
    return f"{words[0].lower()}{words[1:].rstrip('.')}"
