"""The names of people on pages and leaderboards: what may be one, a proposal, and the service that changes one.

A name must not look like another one to people, by letters of other alphabets, wide letters, or unseen ones.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator

from confusable_homoglyphs.categories import unique_aliases
from confusable_homoglyphs.confusables import is_confusable
from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Fillers of Hangul count as letters, but a person cannot see them.
FILLERS = re.compile("[\u115f\u1160\u3164\uffa0]")
# Scripts that are written together with Latin letters, as in UTS 39, section 5.2, "Highly Restrictive":
# https://www.unicode.org/reports/tr39/#Restriction_Level_Detection
BESIDE_LATIN = {"LATIN", "HAN", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"}


def check_name(name: str) -> None:
    """Raises `ValidationError` for a name that could be taken for another one. The message says what to change."""
    if FILLERS.search(name):
        raise ValidationError(_("This name contains a character that cannot be seen. Type it again, or leave it out."))
    if name.casefold() in {"deleted account", _("Deleted account").casefold()}:
        raise ValidationError(_("Leaderboards show this name for accounts that were deleted. Choose another one."))
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
        for similar in is_confusable(letter) or ():
            like = [one["c"] for one in similar["homoglyphs"] if len(one["c"]) == 1 and one["c"].isascii()]
            if like and like[0].isalnum():
                yield letter, like[0]


CHARS_MIN, CHARS_MAX = 3, 40
IS_NAME = RegexValidator(
    r"^[\w][\w .-]*$",
    gettext_lazy(
        "Use only letters, digits, spaces, dots, hyphens and underscores, and begin with a letter or a digit."
    ),
)
TAKEN = gettext_lazy("Somebody else uses this name already. Choose another one.")
HOW = (
    *("amber", "bold", "brisk", "calm", "clear", "deft", "early", "fair", "gentle", "keen", "kind", "lively"),
    *("lucid", "mellow", "nimble", "patient", "quick", "quiet", "silver", "steady", "sunny", "swift", "warm", "wise"),
)
WHO = (
    *("badger", "beaver", "crane", "curlew", "dolphin", "falcon", "finch", "fox", "hare", "heron", "ibis", "kestrel"),
    *("lark", "lynx", "marten", "newt", "otter", "owl", "plover", "raven", "robin", "seal", "swift", "wren"),
)


class Taken(Exception):
    """Somebody else has this name."""


def propose() -> str:
    """Returns a random name that nobody has now, and that says nothing about the person."""
    users = get_user_model().objects
    while users.filter(pseudonym=(name := _drawn())).exists():
        continue
    return name


def _drawn() -> str:
    return f"{secrets.choice(HOW)}-{secrets.choice(WHO)}-{secrets.randbelow(900) + 100}"


def rename(user: AbstractBaseUser, name: str) -> None:
    """Changes the name under which leaderboards show a person.

    Raises:
        Taken: somebody else has this name. Nothing has changed.
    """
    try:
        with transaction.atomic():
            get_user_model().objects.filter(pk=user.pk).update(pseudonym=name)
    except IntegrityError:
        raise Taken from None
