"""Computes similarities between answers of a few words, such as "0.75", "not the prompt" or "it rises".

The embedding of a few words alone says little. So each answer is embedded after its question, and then the mean of
these embeddings, which stands for the question, is subtracted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from statistics import median

import numpy as np
from numpy.typing import NDArray

from challenges.shingles import words
from graders.free_text.text import is_negation
from graders.free_text.verifier.likeness import by_parts
from graders.free_text.verifier.numbers import same, values

Matrix = NDArray[np.float64]
# Chosen by leave-one-out on the questions in benchmarks/questions/tuning; those in held-out were not used.
WORDS_MAX = 12
WIDTH = 0.6
CLAUSES = 0.5
RIDGE = 0.2
STRETCH_MAX = 2.0
NOT_KNOWN = (
    "I don't know",
    "idk",
    "no idea",
    "not sure",
    "I forgot",
    "it depends",
    "something else",
    "nothing",
    "good",
)
_FILLER_WORDS = """
a an the it its it's is are was were be to of in on at for they them their that this i you we my me your get gets got do
does
"""
_FILLERS = frozenset(_FILLER_WORDS.split())
_TURNS = frozenset(("but", "because", "so"))
_CLAUSE = re.compile(r"[,;:.!?()]+\s|\s(?:and|but|because|so|which|since|where|-+>?|/|=)\s")
_STOP = re.compile(r"[^\w\s'\u2019-]+")


@lru_cache(maxsize=64)
def are_short(answers: tuple[str, ...]) -> bool:
    """Returns whether answers such as these are read as a few words rather than as sentences.

    They are those of a question: every step of every grade asks about the same ones, which took a sixth of its time.
    """
    return bool(answers) and median(len(words(answer)) for answer in answers) <= WORDS_MAX


def in_context(question: str, text: str) -> str:
    """Returns the text that is embedded for a short answer: the question followed by the answer."""
    return f"{question} {text}"


def clauses(text: str) -> list[str]:
    """Returns the clauses of a short answer, each of which may state something of its own."""
    parts = [part.strip(" .,;:!?") for part in _CLAUSE.split(text)]
    return [part for part in parts if part] or [text]


def by_meaning(vectors: Matrix, whole: Sequence[int], parts: Sequence[Sequence[int]]) -> Matrix:
    """Returns the similarity (n, n) of whole answers and of their nearest clauses; 1 for equal answers.

    `vectors` (m, d) are embeddings in context; `whole` holds n row numbers, and `parts` n lists of row numbers.
    """
    centred = vectors - vectors[list(whole)].mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    answers = centred[list(whole)]
    similarity: Matrix = _near(answers @ answers.T) + CLAUSES * _near(by_parts(centred, parts))
    return similarity


def by_spelling(texts: Sequence[str]) -> Matrix:
    """Returns the cosine similarity (n, n) of TF-IDF vectors of three to six letters. Typing errors matter little."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    weights = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 6), sublinear_tf=True, lowercase=False)
    tfidf: Matrix = weights.fit_transform([marked(text) for text in texts]).toarray()
    return tfidf @ tfidf.T


def by_numbers(texts: Sequence[str]) -> Matrix:
    """Returns the similarity (n, n) by shared numbers and by an equal last number, the result; 0 without numbers."""
    named = [tuple(values(text)) for text in texts]
    if not any(named):
        return np.zeros((len(texts), len(texts)))
    return np.array([[_alike(a, b) for b in named] for a in named])


def marked(text: str) -> str:
    """Returns the content words with negated ones in capitals: 'not the prompt' is 'not PROMPT' (Das & Chen 2007)."""
    return " ".join(word for clause in _STOP.split(text) for word in _marked(words(clause))) or "-"


def _marked(tokens: Sequence[str]) -> list[str]:
    kept, negated = [], False
    for word in tokens:
        negated = negated and word not in _TURNS
        if is_negation(word) or word == "instead":
            negated = True
            kept.append("not")
        elif word not in _FILLERS:
            kept.append(word.upper() if negated else word)
    return kept


def _near(cosine: Matrix) -> Matrix:
    similarity: Matrix = np.exp((cosine - 1) / WIDTH)
    return similarity


@lru_cache(maxsize=1 << 14)
def _alike(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    if not one or not other:
        return float(not one and not other)
    # Without NumPy, which takes ten times as long for the mean of two numbers.
    here, there = (sum(any(same(x, y) for y in b) for x in a) / len(a) for a, b in ((one, other), (other, one)))
    return ((here + there) / 2 + same(one[-1], other[-1])) / 2
