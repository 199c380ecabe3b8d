from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from challenges.characters import as_sentence, broken


@dataclass
class Refused(Exception):
    """What was sent cannot be taken; nothing was stored and no attempt spent. `status` is an HTTP status."""

    code: str
    message: str
    status: int = 422
    problems: list[dict[str, Any]] = field(default_factory=list)
    retry_after: int | None = None

    def __str__(self) -> str:
        return self.message


def refuse_broken(field: str, text: str) -> None:
    """Raises `Refused` (422, `control_character`) where `text` holds a character that no text may hold."""
    if (wrong := broken(text)) is not None:
        raise of_characters([(field, wrong, None)])


def of_characters(found: Sequence[tuple[str, str, int | None]]) -> Refused:
    """The refusal of texts: of each the field, what `challenges.characters.broken` says, and the row's number."""
    problems: list[dict[str, Any]] = [
        {"code": "control_character", "field": field, "message": as_sentence(wrong), "line": line}
        for field, wrong, line in found
    ]
    return Refused("control_character", problems[0]["message"], problems=problems)


def too_long(field: str, text: str, most: int) -> Refused:
    """The refusal of a text that is longer than `most` characters: cut, it would say something else."""
    message = f"The text has {len(text):,} characters; {most:,} are allowed. Shorten it."
    return Refused("too_long", message, problems=[{"code": "too_long", "field": field, "message": message}])
