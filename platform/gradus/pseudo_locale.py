"""The pseudo-locale `en-XA`: every text that is marked for translation comes out accented, longer and in brackets.

In it, a text that nobody marked stays plain, and a layout that does not stretch breaks before a translator has worked.
It needs no catalogue, so that a text shows up as soon as it is marked. `static/languages/en-xa.js` does the same for
scripts. To see it in a browser: `GRADUS_LANGUAGES=en-xa make up`.
"""

import re
from gettext import NullTranslations

CODE = "en-xa"
OPEN, CLOSE = "⟦", "⟧"
# What translators keep: code and keys, tags, character references, and the placeholders that code fills in.
_WHOLE = re.compile(
    r"<(code|kbd)>.*?</\1>|<[^<>]+>|&#?\w+;"
    r"|%(?:\(\w+\))?[#0\-+]*\d*(?:\.\d+)?[diouxXeEfFgGcrs%]|\{[^{}]*\}"
)
_ACCENTS = str.maketrans(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "åƀçðéƒĝĥîĵķļɱñöþǫŕšŧüṽŵẋýžÅƁÇÐÉƑĜĤÎĴĶĻṀÑÖÞǪŔŠŦÛṼŴẊÝŽ",
)
_VOWEL = re.compile("[aeiouAEIOU]")


def accented(text: str) -> str:
    """Returns a text in brackets with accents. Each vowel is written twice, which makes it about a third longer."""
    parts, end = [], 0
    for whole in _WHOLE.finditer(text):
        parts += [_with_accents(text[end : whole.start()]), whole.group()]
        end = whole.end()
    return f"{OPEN}{''.join(parts)}{_with_accents(text[end:])}{CLOSE}"


def _with_accents(text: str) -> str:
    return _VOWEL.sub(lambda vowel: vowel.group() * 2, text).translate(_ACCENTS)


# What Django knows of each language.
INFO = {"bidi": False, "code": CODE, "name": "Pseudo-locale", "name_local": accented("Pseudo-locale")}


class PseudoTranslation(NullTranslations):
    """Translates every text by `accented`. A context, which Django puts before `\\x04`, is left out."""

    def gettext(self, message: str) -> str:
        return accented(message.rpartition("\x04")[2])

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)

    def to_language(self) -> str:
        return CODE
