"""Cleans an answer for the judge, and flags what a person should look at.

A flag never costs points and never voids a quote, because learners may have good reasons to quote attacks or to write
JSON. An answer with a flag and points goes to a person.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from challenges.rows import QUOTE_CHARS, QuotedRow
from challenges.shingles import words
from graders.free_text.text import STOP_WORDS

_JOINERS = frozenset("\u200c\u200d\u00ad\ufeff")  # emoji, Persian and pasted hyphenation hold them innocently
_VARIATION = re.compile(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
# Short answers are terms without common words in any language. Of 4,700 honest English answers (ours, Mohler's, ASAP's)
# four of at least twenty words have so few common words: code, and a list of figures.
FOREIGN_WORDS_MIN = 20
COMMON_SHARE_MIN = 0.1


@dataclass(frozen=True)
class Cleaned:
    """A cleaned answer: `text` is what the judge reads, and `signs` the same with its compatibility characters.

    In `text` "10\u00b2" has become "102", which is another answer.
    """

    text: str
    flags: tuple[str, ...]
    signs: str = ""


def clean(answer: str, chars_max: int, language: frozenset[str] = STOP_WORDS) -> Cleaned:
    """Normalises an answer (NFKC), removes invisible characters, cuts it at `chars_max` characters, and flags it.

    The removed characters are zero-width, bidirectional, tag, control and private-use ones. `language` holds common
    words of the question's language; they show whether the answer is in another language, or in none.
    """
    composed = unicodedata.normalize("NFKC", answer)
    kept = "".join(ch for ch in composed if not _is_hidden(ch))
    text = kept[:chars_max].strip()
    signs = "".join(ch for ch in answer if not _is_hidden(ch))[:chars_max].strip()
    checks = {
        "over-length": len(kept) > chars_max,
        "hidden-characters": _hides(composed),
        "encoded": _ENCODED.search(text) is not None,
        "other-language": _is_foreign(text, language),
    }
    return Cleaned(text, tuple(name for name, true in checks.items() if true), signs)


def clean_rows(rows: Sequence[QuotedRow]) -> tuple[tuple[QuotedRow, ...], tuple[str, ...]]:
    """Cleans the rows of a learner's own run, whose answers a learner's prompt can shape, and flags them.

    In which language they are says nothing, because a model wrote the answers.
    """
    flags: dict[str, None] = {}
    cleaned = []
    for row in rows:
        texts = {name: clean(getattr(row, name), QUOTE_CHARS) for name in ("input", "answer")}
        flags |= dict.fromkeys(flag for text in texts.values() for flag in text.flags if flag != "other-language")
        cleaned.append(row.model_copy(update={name: text.text for name, text in texts.items()}))
    return tuple(cleaned), tuple(flags)


def _is_hidden(ch: str) -> bool:
    if ch in "\n\t":
        return False
    return unicodedata.category(ch) in {"Cf", "Co", "Cs", "Cc", "Cn"} or _VARIATION.match(ch) is not None


def _hides(text: str) -> bool:
    if _OVERRIDES.search(text) or any(unicodedata.category(ch) == "Co" for ch in text):
        return True
    return sum(unicodedata.category(ch) == "Cf" and ch not in _JOINERS for ch in text) >= 3


def _is_foreign(text: str, language: frozenset[str]) -> bool:
    tokens = words(text)
    few = sum(word in language for word in tokens) < COMMON_SHARE_MIN * len(tokens)
    return len(tokens) >= FOREIGN_WORDS_MIN and few
