"""Likenesses between answers as kernels, and ridge regression in their sum.

In every matrix the last row is the answer to be estimated; those before it were graded by the author. Each kernel is
centred and scaled on the graded ones, so that their sum weighs them alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
# Chosen once by leave-one-out on gold of the roles prompt and calibration; the role test stayed out.
RIDGE = 1.0
STRETCH_MAX = 4.0
MANY = 20
WORD = r"(?u)\b\w+\b"


def by_sentences(vectors: Matrix, groups: Sequence[Sequence[int]]) -> Matrix:
    """`by_parts` of sentences, for a sum of kernels (n, n)."""
    return _scaled(by_parts(vectors, groups))


def by_parts(vectors: Matrix, groups: Sequence[Sequence[int]]) -> Matrix:
    """Mean over an answer's parts of the cosine to the other's nearest part, mean of both ways (n, n).

    `vectors` (m, d) has length 1; `groups` are n lists of rows.
    """
    order = np.concatenate([np.asarray(group) for group in groups])
    sizes = np.array([len(group) for group in groups])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    cosine = vectors[order] @ vectors[order].T
    nearest = np.maximum.reduceat(cosine, starts, axis=1)
    one_way: Matrix = np.add.reduceat(nearest, starts, axis=0) / sizes[:, None]
    return (one_way + one_way.T) / 2


def by_words(texts: Sequence[str]) -> Matrix:
    """Cosine of TF-IDF over words and pairs of words (n, n); vocabulary and weights come from the graded answers."""
    least = 2 if len(texts) > MANY else 1
    weights = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=least, token_pattern=WORD)
    weights.fit(texts[:-1])
    found: Matrix = weights.transform(texts).toarray()
    return _scaled(found @ found.T)


def by_features(features: Matrix) -> Matrix:
    """Inner products of standardised features (n, k)."""
    known = features[:-1]
    standard = (features - known.mean(axis=0)) / (known.std(axis=0) + 1e-9)
    return _scaled(standard @ standard.T)


@dataclass(frozen=True)
class Fit:
    """Predictions and their standard deviations: of each graded row from all the others, and of the row in question.

    `rows` (n) are the places of the graded rows among all graded answers; `values` and `spreads` (n + 1) end with the
    row in question.
    """

    rows: tuple[int, ...]
    values: Vector
    spreads: Vector


def fit(kernel: Matrix, y: Vector, rows: Sequence[int], ridge: float = RIDGE, stretch_max: float = STRETCH_MAX) -> Fit:
    """Kernel ridge regression of the last row from the values `y` of those before it, the first of which are `rows`.

    Any others are the author's phrases. Ridge shrinks towards the mean, which makes every estimate a middling one. It
    is stretched so that leave-one-out predictions of the graded rows vary as much as their values do. Spreads are
    those of a Gaussian process (Rasmussen & Williams 2006, 5.4.2), wide for a row unlike all others, and scaled to
    the left-out errors.
    """
    count = len(rows)
    mean, real = y[:count].mean(), y[:count]
    inverse = np.linalg.inv(kernel[:-1, :-1] + ridge * np.eye(len(y)))
    weights = inverse @ (y - mean)
    precision = np.diag(inverse)[:count]
    left_out = real - mean - weights[:count] / precision
    stretch = min(stretch_max, float(real.std()) / max(float(left_out.std()), 1e-6))
    own = kernel[-1, :-1]
    variance = max(float(kernel[-1, -1] + ridge - own @ inverse @ own), 1e-9)
    values = mean + stretch * np.append(left_out, own @ weights)
    scale = float(np.mean((real - values[:-1]) ** 2 * precision))
    return Fit(tuple(rows), values, np.sqrt(np.append(1 / precision, variance) * scale) + 1e-3)


def _scaled(kernel: Matrix) -> Matrix:
    known = kernel[:-1, :-1]
    to_known = kernel[:, :-1].mean(axis=1)
    centred = kernel - to_known[:, None] - to_known[None, :] + known.mean()
    size = float(np.mean(np.diag(centred)[:-1]))
    return centred / size if size > 1e-12 else np.zeros_like(centred)
