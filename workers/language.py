"""Which language an answer is in, as a detector guesses it; for figures about the judge, never for a mark."""

from __future__ import annotations

CHARS_MIN = 20


def detect(text: str) -> str:
    """An ISO 639-1 code, or "" for texts too short to tell.

    py3langid: Lui & Baldwin 2012, a naive Bayes classifier over byte n-grams.
    """
    if len(text.strip()) < CHARS_MIN:
        return ""
    # Loads a model of its own; processes that grade no free text never need it.
    import py3langid

    code: str = py3langid.classify(text)[0]
    return code
