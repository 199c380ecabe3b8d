"""The column for JSON of all our models: what it reads has bounded numbers, depth and size, and so has what it writes.

PostgreSQL stores numbers of any length, which Python refuses to read or cannot turn into a float. One such value must
not end a page, a worker or a loop over rows of other people. So a value out of these bounds is read as an empty
`UnreadableObject` or `UnreadableList`. Saving the row leaves the stored value as it is.

The database knows nothing of it: migrations name Django's own field.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import structlog
from django.db import models
from django.db.models import F
from django.db.models.fields.json import KeyTransform

from challenges.files.nesting import too_deep

log = structlog.get_logger(__name__)
# More than what anybody may send: payloads, bundles and outcomes have limits of their own far below.
CHARS_MAX, DEPTH_MAX = 64 * 1024 * 1024, 100
# In characters: no shorter value is out of bounds.
SHORTEST_UNREADABLE = 2 * DEPTH_MAX
# Shorter numbers are smaller than the largest float.
_LONG_NUMBER = re.compile(r"\d{309}")


class OutOfBounds(ValueError):
    """A JSON value cannot be read or must not be written. The message says why and quotes nothing of it."""


class UnreadableObject(dict[str, Any]):
    """Stands for a stored value that cannot be read: an object without keys."""


class UnreadableList(list[Any]):
    """Stands for a stored value that cannot be read, in a column that holds lists: a list without items."""


def is_unreadable(value: object) -> bool:
    """Returns True if `value` stands for a stored value that cannot be read."""
    return isinstance(value, UnreadableObject | UnreadableList)


def read(text: str) -> Any:
    """Parses JSON as it is stored.

    Raises:
        OutOfBounds: it is too large or too deep, a number in it is larger than any float, or it is not JSON.
    """
    if len(text) > CHARS_MAX:
        raise OutOfBounds(f"it has more than {CHARS_MAX} characters")
    if too_deep(text, most=DEPTH_MAX):
        raise OutOfBounds(f"it is nested more than {DEPTH_MAX} deep")
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise OutOfBounds("it is not JSON") from error


def _integer(digits: str) -> int:
    # `int` refuses what is much longer, and takes long for what is a little shorter.
    _float(digits)
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise OutOfBounds("it has a number that is larger than any float")
    return value


def _constant(name: str) -> float:
    raise OutOfBounds(f"{name} is not JSON")


DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_constant)


class Encoder(json.JSONEncoder):
    """Writes only what can be read again. Raises `OutOfBounds`."""

    def encode(self, o: Any) -> str:
        text = super().encode(o)
        if len(text) > CHARS_MAX or _LONG_NUMBER.search(text) or too_deep(text, most=DEPTH_MAX):
            read(text)
        return text


class JSONField(models.JSONField):
    """Django's own field, with the bounds of this module."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **{"encoder": Encoder, **more})

    def deconstruct(self) -> Any:
        name, _path, args, more = super().deconstruct()
        more.pop("encoder", None)
        return name, "django.db.models.JSONField", args, more

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # SQLite gives the parts of a value in types of its own, and their texts without quotes.
        is_part = isinstance(expression, KeyTransform)
        if value is None or (is_part and not isinstance(value, str)):
            return value
        try:
            return read(value)
        except OutOfBounds as wrong:
            if is_part and isinstance(wrong.__cause__, json.JSONDecodeError):
                return value
            log.error("json_unreadable", table=self.model._meta.db_table, column=self.column, reason=str(wrong))
            return UnreadableList() if self.default is list else UnreadableObject()

    def get_prep_value(self, value: Any) -> Any:
        if is_unreadable(value):
            raise OutOfBounds("it stands for a value that cannot be read")
        return super().get_prep_value(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        # The stored value stays, so that staff can look at it.
        return F(self.attname) if is_unreadable(value) and not add else value
