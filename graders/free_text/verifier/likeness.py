"""Computes similarities between answers as kernels, and predicts marks by kernel ridge regression on their sum.

In every matrix the last row is the answer to be estimated; the rows before it are answers that the author has graded.
Each kernel is centred and scaled on the graded answers, so that all kernels have the same weight in the sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
# Chosen once by leave-one-out on gold answers with the roles prompt and calibration; those with the role test were not
# used.
RIDGE = 1.0
STRETCH_MAX = 4.0
SPREAD_MIN = 1e-3
MANY = 20
WORD = r"(?u)\b\w+\b"


def by_sentences(vectors: Matrix, groups: Sequence[Sequence[int]]) -> Matrix:
    """Returns the kernel (n, n) of sentence similarity, made from `by_parts`."""
    return _scaled(by_parts(vectors, groups))


def by_parts(vectors: Matrix, groups: Sequence[Sequence[int]]) -> Matrix:
    """Returns the similarity (n, n) of answers by their parts, averaged over both directions.

    In one direction it is the mean, over the parts of an answer, of the cosine to the nearest part of the other answer.
    `vectors` has shape (m, d) and rows of length 1; `groups` are n lists of row numbers.
    """
    order = np.concatenate([np.asarray(group) for group in groups])
    sizes = np.array([len(group) for group in groups])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    cosine = vectors[order] @ vectors[order].T
    nearest = np.maximum.reduceat(cosine, starts, axis=1)
    one_way: Matrix = np.add.reduceat(nearest, starts, axis=0) / sizes[:, None]
    return (one_way + one_way.T) / 2


def by_words(texts: Sequence[str]) -> Matrix:
    """Returns the cosine similarity (n, n) of TF-IDF vectors of words and word pairs, fitted on the graded answers."""
    # The import takes 50 MB and more than a second, and only the judge's worker compares answers.
    from sklearn.feature_extraction.text import TfidfVectorizer

    least = 2 if len(texts) > MANY else 1
    weights = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=least, token_pattern=WORD)
    weights.fit(texts[:-1])
    tfidf: Matrix = weights.transform(texts).toarray()
    return _scaled(tfidf @ tfidf.T)


def by_features(features: Matrix) -> Matrix:
    """Returns the inner products (n, n) of standardised features (n, k)."""
    known = features[:-1]
    standard = (features - known.mean(axis=0)) / (known.std(axis=0) + 1e-9)
    return _scaled(standard @ standard.T)


@dataclass(frozen=True)
class Prediction:
    """A predicted share of a criterion's points, not clipped to [0, 1], and the standard deviation of its error."""

    value: float
    spread: float


def predict(
    kernel: Matrix, y: Vector, count: int, ridge: float = RIDGE, stretch_max: float = STRETCH_MAX
) -> Prediction:
    """Predicts the value of the last row by kernel ridge regression from the values `y` of the rows before it.

    The first `count` of these are graded answers, the others phrases of the author. Ridge regression shrinks
    predictions towards the mean, so the prediction is stretched until leave-one-out predictions of the graded answers
    vary as much as their values. The standard deviation is that of a Gaussian process (Rasmussen & Williams 2006,
    5.4.2), which is large for a row unlike all others, scaled by the error of the leave-one-out predictions.
    """
    graded, mean = y[:count], float(y[:count].mean())
    inverse = np.linalg.inv(kernel[:-1, :-1] + ridge * np.eye(len(y)))
    weights = inverse @ (y - mean)
    precision = np.diag(inverse)[:count]
    left_out = graded - mean - weights[:count] / precision
    stretch = min(stretch_max, float(graded.std()) / max(float(left_out.std()), 1e-6))
    errors = graded - mean - stretch * left_out
    own = kernel[-1, :-1]
    variance = max(float(kernel[-1, -1] + ridge - own @ inverse @ own), 0.0) * float(np.mean(errors**2 * precision))
    return Prediction(mean + stretch * float(own @ weights), max(float(np.sqrt(variance)), SPREAD_MIN))


def _scaled(kernel: Matrix) -> Matrix:
    known = kernel[:-1, :-1]
    to_known = kernel[:, :-1].mean(axis=1)
    centred = kernel - to_known[:, None] - to_known[None, :] + known.mean()
    size = float(np.mean(np.diag(centred)[:-1]))
    return centred / size if size > 1e-12 else np.zeros_like(centred)
