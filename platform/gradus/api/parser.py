"""Bodies of requests: JSON as RFC 8259 and I-JSON have it, so that no two readers can read two things in one body."""

import json
from itertools import islice
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from challenges.characters import broken_texts
from challenges.field_errors import place
from challenges.nesting import too_deep
from gradus.submissions.services.refusal import of_characters

PROBLEMS_MAX = 50


class Unreadable(Exception):
    """A body that is no JSON; the text says how to mend it."""


class StrictParser(Parser):
    """ninja answers 400 to all that this raises; `problems.on_http_error` looks for what it was.

    Raises:
        Unreadable: 400, the body is not a JSON object.
        Refused: 422, a text in it holds a character that no text may hold.
    """

    def parse_body(self, request: HttpRequest) -> Any:
        body = read(request.body)
        # ninja would take whatever else for an object without fields, and go on with each field's default.
        if not isinstance(body, dict):
            raise Unreadable("The body is no object: write {...}.")
        if found := list(islice(broken_texts(body), PROBLEMS_MAX)):
            raise of_characters([(place(path)[0] or "body", wrong, place(path)[1]) for path, wrong in found])
        return body


def read(body: bytes) -> Any:
    """Raises `Unreadable`."""
    try:
        text = body.decode()
        if too_deep(text):
            raise Unreadable("The JSON is nested too deeply: flatten it.")
        return json.loads(text, object_pairs_hook=_pairs, parse_constant=_constant)
    except UnicodeDecodeError as error:
        raise Unreadable(f"Byte {error.start + 1} of the body is not UTF-8: send UTF-8, uncompressed.") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Unreadable(f"The body is not valid JSON at {place} ({error.msg}): correct it.") from None
    except ValueError:
        raise Unreadable("A number in the JSON is too long: shorten it.") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) < len(pairs):
        raise Unreadable("A key stands twice in one object of the JSON: keep one of them.")
    return row


def _constant(name: str) -> float:
    raise Unreadable(f"{name} is not JSON: write a number, or leave the field out.")
