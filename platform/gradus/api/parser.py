"""Parses JSON bodies strictly, by RFC 8259 and I-JSON (RFC 7493), so that a body has only one possible meaning."""

import json
from itertools import islice
from typing import Any

from django.http import HttpRequest
from ninja.parser import Parser

from challenges.characters import broken_texts
from challenges.field_errors import place
from challenges.files.nesting import has_more_parts, too_deep
from gradus.refusal import of_characters
from gradus.request_bodies import BodyTooLarge, most_parts

PROBLEMS_MAX = 50


class Unreadable(Exception):
    """The body is not valid JSON. The message says how to fix it."""


class StrictParser(Parser):
    """The parser of all API calls. ninja wraps what it raises in a 400, which `problems.on_http_error` unwraps.

    Raises:
        Unreadable: the body is not a JSON object; answered with 400.
        BodyTooLarge: it has more parts than the call takes; answered with 413, before it is parsed.
        Refused: a text in it contains a character that is not allowed; answered with 422.
    """

    def parse_body(self, request: HttpRequest) -> Any:
        body = read(request.body, most_parts(request.path))
        # ninja would treat a list or a number as an object without fields, and use the default of each field.
        if not isinstance(body, dict):
            raise Unreadable("The body must be a JSON object: write {...}.")
        if found := list(islice(broken_texts(body), PROBLEMS_MAX)):
            raise of_characters([(place(path)[0] or "body", wrong, place(path)[1]) for path, wrong in found])
        return body


def read(body: bytes, parts: int) -> Any:
    """Parses a body with at most so many parts. Raises `BodyTooLarge`, or `Unreadable` if it is not valid JSON."""
    try:
        text = body.decode()
        if too_deep(text, parts):
            raise Unreadable("The JSON is nested too deeply: flatten it.")
        if has_more_parts(text, parts):
            raise BodyTooLarge
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
        raise Unreadable("A key occurs twice in one object of the JSON: remove one of them.")
    return row


def _constant(name: str) -> float:
    raise Unreadable(f"{name} is not JSON: write a number, or leave the field out.")
