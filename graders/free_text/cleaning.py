"""Cleans an answer for the judge, and flags what a person should look at.

A flag never costs points, because learners may have good reasons to quote attacks or to write JSON.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from graders.free_text.text import STOP_WORDS, is_negation, sentence_spans, sentences, words

Span = tuple[int, int]

_JOINERS = frozenset("\u200c\u200d\u00ad\ufeff")  # emoji, Persian and pasted hyphenation hold them innocently
_VARIATION = re.compile(r"[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f]")
_ENCODED = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")
_ADDRESSES = re.compile(
    r"""\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instruction|criteri|rubric|rules)
      | \b(?:graders?|evaluators?|examiners?|correcteur|evaluador|pr\u00fcfer)\b
      | \b(?:full|top|maximum|highest)\s+(?:marks?|points?|scores?|grades?)\b
      | \b(?:all|every|each)\s+(?:of\s+the\s+)?criteri(?:on|a)\b
      | \bmark(?:ing)?\s+(?:this|it|all|every\w*|each)\b
      | \b(?:only\s+grade|grade\s+only|grade\s+(?:this|the\s+final|that\s+one))\b
      | "(?:mark|criteria|confidence)"\s*:
      | \b(?:system\s+override|maintenance\s+mode|grading\s+log)\b
      | ^\s*(?:system|assistant|user|score|verdict|thought\s+process)\s*:
      | </?\s*(?:answer|system|instructions?)\s*> | <\|
      | \b(?:criterion|criteria)\s+(?:one|two|three|four|five|six|\d)
      | \b(?:final\s+marks?|verdict|gold\s+mark)\b
      | \bmy\s+answer\s+(?:says|gives|treats|uses|claims|covers|explains|names|deals|is\s+(?:right|correct|complete))
      | \bin\s+(?:this|my)\s+answer,?\s+i\b
      | \blet's\s+solve\s+this\b | \bfinal\s+answer\s*:
    """,
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
# The answer offers several alternatives, so that the grader can choose the right one.
_HEDGES = re.compile(
    r"\bwhichever\b|\bin\s+either\s+case\b|\bdepending\s+on\s+how\b|,\s+or\s+(?:\w+\s+){1,3}(?:it|them|with)\b",
    re.IGNORECASE,
)
HEDGES_MAX = 2


@dataclass(frozen=True)
class Cleaned:
    """A cleaned answer: `text` is what the judge reads, and quotes within the spans `suspect` earn no points."""

    text: str
    flags: tuple[str, ...]
    suspect: tuple[Span, ...]


def clean(answer: str, chars_max: int, language: frozenset[str] = STOP_WORDS) -> Cleaned:
    """Normalises an answer (NFKC), removes invisible characters, cuts it at `chars_max` characters, and flags it.

    The removed characters are zero-width, bidirectional, tag, control and private-use ones. `language` holds common
    words of the question's language; they show whether the answer is in another language, or in none.
    """
    composed = unicodedata.normalize("NFKC", answer)
    kept = "".join(ch for ch in composed if not _is_hidden(ch))
    text = kept[:chars_max].strip()
    suspect = _suspect_spans(text)
    checks = {
        "over-length": len(kept) > chars_max,
        "hidden-characters": _hides(composed),
        "mixed-scripts": any(_mixes_scripts(word) for word in words(text)),
        "encoded": _ENCODED.search(text) is not None,
        "addresses-grader": _ADDRESSES.search(text) is not None,
        "other-language": _is_foreign(text, language),
        "no-sentences": _is_no_prose(text),
        "many-negations": _is_negated(text),
        "hedges": len(_HEDGES.findall(text)) > HEDGES_MAX,
    }
    return Cleaned(text, tuple(name for name, true in checks.items() if true), suspect)


def _is_hidden(ch: str) -> bool:
    if ch in "\n\t":
        return False
    return unicodedata.category(ch) in {"Cf", "Co", "Cs", "Cc", "Cn"} or _VARIATION.match(ch) is not None


def _hides(text: str) -> bool:
    if _OVERRIDES.search(text) or any(unicodedata.category(ch) == "Co" for ch in text):
        return True
    return sum(unicodedata.category(ch) == "Cf" and ch not in _JOINERS for ch in text) >= 3


def _mixes_scripts(word: str) -> bool:
    scripts = {unicodedata.name(ch, "").split(" ")[0] for ch in word if ch.isalpha()}
    return len(scripts & {"LATIN", "CYRILLIC", "GREEK"}) > 1


def _suspect_spans(text: str) -> tuple[Span, ...]:
    hits = [match.span() for pattern in (_ADDRESSES, _ENCODED) for match in pattern.finditer(text)]
    around = [(a, b) for a, b in sentence_spans(text) if any(a < end and start < b for start, end in hits)]
    return tuple(sorted({*hits, *around}))


def _is_foreign(text: str, language: frozenset[str]) -> bool:
    tokens = words(text)
    return len(tokens) >= 12 and sum(word in language for word in tokens) / len(tokens) < 0.2


def _is_no_prose(text: str) -> bool:
    """Returns whether the text is a list of keywords or shuffled words instead of sentences.

    The signs are long stretches without a full stop, and sentences that end with a word such as 'the' or 'if'.
    """
    parts = [words(sentence) for sentence in sentences(text)]
    longest = max((len(part) for part in parts), default=0)
    dangling = sum(
        part[-1] in STOP_WORDS - {"it", "so", "that", "this", "too", "them", "not"} for part in parts if part
    )
    return longest > 70 or (len(parts) == 1 and longest > 45) or dangling >= 3


def _is_negated(text: str) -> bool:
    tokens = words(text)
    return len(tokens) >= 20 and sum(is_negation(word) for word in tokens) / len(tokens) > 0.08
