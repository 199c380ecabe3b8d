"""Detects the language of an answer, for statistics about the judge; it never affects a mark."""

from __future__ import annotations

CHARS_MIN = 20


def detect(text: str) -> str:
    """The ISO 639-1 code of the text's language, or "" if the text is too short to tell.

    py3langid is a naive Bayes classifier over byte n-grams (Lui & Baldwin 2012).
    """
    if len(text.strip()) < CHARS_MIN:
        return ""
    # The import loads a model; processes that grade no free text never need it.
    import py3langid

    code: str = py3langid.classify(text)[0]
    return code
