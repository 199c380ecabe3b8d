"""Refuses names that look like another name to people: letters of other alphabets, wide letters, and unseen ones."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from confusable_homoglyphs.categories import unique_aliases
from confusable_homoglyphs.confusables import is_confusable
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# Fillers of Hangul count as letters, but a person cannot see them.
FILLERS = re.compile("[\u115f\u1160\u3164\uffa0]")
# Scripts that are written together with Latin letters, as in UTS 39, section 5.2, "Highly Restrictive":
# https://www.unicode.org/reports/tr39/#Restriction_Level_Detection
BESIDE_LATIN = {"LATIN", "HAN", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"}


def check_name(name: str) -> None:
    """Raises `ValidationError` for a name that could be taken for another one. The message says what to change."""
    if FILLERS.search(name):
        raise ValidationError(_("This name contains a character that cannot be seen. Type it again, or leave it out."))
    plain, composed = (unicodedata.normalize(form, name) for form in ("NFKC", "NFC"))
    if plain != composed:
        raise ValidationError(
            _("This name contains wide or decorated letters. Write it as “%(name)s”.") % {"name": plain}
        )
    letters = {letter for letter in name if letter.isalpha()}
    if len(scripts := unique_aliases("".join(letters)) - {"COMMON"}) > 1 and not scripts <= BESIDE_LATIN:
        raise ValidationError(_("This name mixes letters of several alphabets. Use letters of one alphabet."))
    similar = dict(_looks_like_ascii(letters))
    if similar and letters <= {*similar, *filter(str.isascii, letters)}:
        letter, like = min(similar.items())
        said = _("The letter “%(letter)s” in this name looks like “%(like)s”. Use another letter.")
        raise ValidationError(said % {"letter": letter, "like": like})


def _looks_like_ascii(letters: set[str]) -> Iterator[tuple[str, str]]:
    """Yields each letter outside ASCII that looks like a letter or digit of ASCII, with that letter or digit."""
    for letter in letters:
        if letter.isascii():
            continue
        if "SMALL CAPITAL" in (called := unicodedata.name(letter, "")):
            yield letter, called.split()[-1]
        for found in is_confusable(letter) or ():
            like = [one["c"] for one in found["homoglyphs"] if len(one["c"]) == 1 and one["c"].isascii()]
            if like and like[0].isalnum():
                yield letter, like[0]
