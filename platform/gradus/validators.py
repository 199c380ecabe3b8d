"""Checks of what people send, in any app: validators for the fields of forms, and whole numbers in addresses."""

from django.core.exceptions import ValidationError

from challenges.characters import as_sentence, broken

# Digits of the highest numbers that every database takes for a key.
DIGITS = 18


def whole_number(text: str | None) -> int | None:
    """Returns the whole number that an address or a form holds, or None if the text is no number of a key."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= DIGITS else None


def allowed_characters(text: str) -> None:
    """Raises ValidationError where `text` holds a character that the database or a page cannot take."""
    if (wrong := broken(text)) is not None:
        raise ValidationError(as_sentence(wrong), code="control_character")
