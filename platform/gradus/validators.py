"""Validators for the fields of forms, in any app."""

from django.core.exceptions import ValidationError

from challenges.characters import as_sentence, broken


def allowed_characters(text: str) -> None:
    """Raises ValidationError where `text` holds a character that the database or a page cannot take."""
    if (wrong := broken(text)) is not None:
        raise ValidationError(as_sentence(wrong), code="control_character")
