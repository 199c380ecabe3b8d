"""The order of names in lists of people, the same on every database.

Neither database can be relied on for it: SQLite compares bytes, and PostgreSQL compares as its collation says, which
may be one that was chosen for another language or for none.
"""

from __future__ import annotations

import unicodedata

# How many characters of each name decide.
CHARS = 60
KEY_CHARS = 1024
# Letters that have no accent to take off.
LETTERS = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th"})
# Sorts before every character of a name, so that Li comes before Li Wei.
END = "\x01"


def name_key(first_name: str, last_name: str, otherwise: str) -> str:
    """Returns what people are sorted by: last name, then first name; people without a name come last, by `otherwise`.

    It is hexadecimal, because digits and the letters a to f have the same order in all collations.
    """
    if first_name or last_name:
        key = "0" + END.join(map(_sortable, (last_name or first_name, first_name, otherwise)))
    else:
        key = "1" + _sortable(otherwise)
    return key.encode().hex()[:KEY_CHARS]


def _sortable(name: str) -> str:
    """Returns a name without case, accents and punctuation, as lists of names in most languages ignore them."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(LETTERS))
    letters = "".join(one for one in plain if one.isalnum() or one.isspace() or one in "-@._")
    return " ".join(letters.replace("-", " ").split())[:CHARS]
