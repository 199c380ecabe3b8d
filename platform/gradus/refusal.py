"""The exception with which services refuse a request, and the refusals that several services need."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from challenges.characters import as_sentence, broken


@dataclass
class Refused(Exception):
    """A request was refused: nothing was stored, and no attempt was used. `status` is an HTTP status.

    `message` says what to change. `problems` has one entry for each wrong field. `retry_after` is in seconds.
    """

    code: str
    message: str
    status: int = 422
    problems: list[dict[str, Any]] = field(default_factory=list)
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.message


def wrong(field: str, message: str, code: str = "invalid", status: int = 422) -> Refused:
    """Returns the refusal of one field's value. The message stands beside the field."""
    return Refused(code, message, status, [{"code": code, "field": field, "message": message}])


def refuse_broken(field: str, text: str) -> None:
    """Raises `Refused` (422, `control_character`) if `text` contains a character that is not allowed."""
    if (wrong := broken(text)) is not None:
        raise of_characters([(field, wrong, None)])


def of_characters(texts: Sequence[tuple[str, str, int | None]]) -> Refused:
    """Returns the refusal of texts with characters that are not allowed.

    `texts` has, for each text, the field, what `challenges.characters.broken` returned, and the number of the row.
    """
    problems: list[dict[str, Any]] = [
        {"code": "control_character", "field": field, "message": as_sentence(wrong), "line": line}
        for field, wrong, line in texts
    ]
    return Refused("control_character", problems[0]["message"], problems=problems)


def too_long(field: str, text: str, most: int) -> Refused:
    """Returns the refusal of a text that has more than `most` characters. Texts are never cut: it could change them."""
    message = _("The text has %(count)s characters; %(most)s are allowed. Shorten it.")
    return wrong(field, message % {"count": f"{len(text):,}", "most": f"{most:,}"}, "too_long")
