"""Splits texts into words and sentences, finds quotes in them, and normalises them for comparison."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from challenges.shingles import words
from challenges.texts import folded

_SENTENCE = re.compile(r"[^.!?\n\u3002\uff01\uff1f]+(?:[.!?\u3002\uff01\uff1f]+(?=\s|$)|[.!?](?=\S)[^.!?\n]*)*[.!?]*")

_STOP_WORDS = """
a about after all also am an and any are as at be because been before being but by can could did do does doing for
from had has have having he her here him his how i if in into is it its itself just me more most must my no nor not of
off on once only or other our out over own same she should so some such than that the their them then there these they
this those through to too under until up us very was we were what when where which while who whom why will with would
you your
"""
_NEGATIONS = "no not never none nobody nothing neither nor cannot without"
STOP_WORDS = frozenset(_STOP_WORDS.split())
NEGATIONS = frozenset(_NEGATIONS.split())


def content_words(text: str) -> list[str]:
    """Returns the words of a text without English stop words; in other languages these are all words."""
    return [word for word in words(text) if word not in STOP_WORDS]


def normal(text: str) -> str:
    """Returns a text's words joined by spaces: texts that differ only in case, spaces and punctuation become equal."""
    return " ".join(words(text))


def exact(text: str) -> str:
    """Returns the case-folded text without repeated spaces, surrounding quotation marks and a final full stop.

    Unlike `normal` it keeps signs: "1/2" is not "1 2", "-1" is not "1", and "<" is an answer.
    """
    plain = folded(text).replace("\u2019", "'")
    return plain.strip("\"'\u201c\u201d ").rstrip(". ") or plain


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Returns the start and end index of each sentence or line that is not empty, in order."""
    return [match.span() for match in _SENTENCE.finditer(text) if match.group().strip()]


def sentences(text: str) -> list[str]:
    """Returns the sentences of a text without surrounding spaces; the whole text if it has no sentence."""
    return [text[a:b].strip() for a, b in sentence_spans(text)] or [text.strip()]


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Returns where `quote` stands in `text`, ignoring case, white space and typographic marks, or None."""
    # White space at an end would make a pattern whose search takes seconds on a text of many spaces.
    bare = quote.strip().strip(" \t\n\"'\u201c\u201d\u2018\u2019.\u2026")
    parts = [re.escape(part) for part in bare.split()]
    if not any(parts):
        return None
    pattern = r"\s+".join(re.sub(r"['\u2018\u2019]", "['\u2018\u2019]", part) for part in parts)
    match = re.search(pattern, text, re.IGNORECASE)
    return match.span() if match else None


def is_negation(word: str) -> bool:
    """Returns whether a case-folded word is a negation."""
    return word in NEGATIONS or word.endswith("n't")


def echoes(text: str, source: str, *, known: float = 1.0, adjacent: float = 0.6) -> bool:
    """Returns whether `text` only repeats `source`: the share `known` of its content words, mostly in the same order.

    `adjacent` is the share of words that must be in order. Order matters because a question may contain exactly the
    words of a short but good answer.
    """
    own, theirs = content_words(text), content_words(source)
    vocabulary = set(theirs)
    if not own or sum(word in vocabulary for word in own) < known * len(own):
        return False
    shared = [word for word in own if word in vocabulary]
    return len(shared) < 2 or _adjacent(shared, theirs) >= adjacent


def _adjacent(own: Sequence[str], theirs: Sequence[str]) -> float:
    known = set(pairwise(theirs))
    pairs = list(pairwise(own))
    return sum(pair in known for pair in pairs) / len(pairs)


def language_of(texts: Iterable[str], count: int = 60) -> frozenset[str]:
    """Common words of the language of `texts`: English stop words, or the `count` most frequent words."""
    counts = Counter(word for text in texts for word in words(text))
    english = sum(n for word, n in counts.items() if word in STOP_WORDS) >= 0.25 * counts.total()
    return STOP_WORDS if english else frozenset(word for word, _ in counts.most_common(count))
