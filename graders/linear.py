"""Grades the plain baseline of findings: a logistic regression on sentence embeddings, trained on an arm's rows.

It is the multinomial regression with a quadratic penalty that scikit-learn fits by L-BFGS. The embeddings are those
that retrieval uses, and are not trained.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from challenges.bundle import ChallengeBundle
from challenges.findings.controls import FOLDS, INVERSE_STRENGTHS
from challenges.rows import Sample, TrainRow
from graders.base import Embed, Embedded, Grade, Grading, WorkItem
from graders.decoding import Answers, Output
from graders.measuring import with_hidden, with_public

Vectors = NDArray[np.float64]
"""`[texts, size]`, each row of length 1."""
ITERATIONS = 1000
# What a number of the regression takes in a file.
NUMBER_BYTES = 4


@dataclass(frozen=True)
class Fitted:
    """Labels with their probabilities by row, `[texts, labels]`, and how many numbers were fitted."""

    labels: tuple[str, ...]
    weights: Vectors
    intercepts: Vectors

    def probabilities(self, vectors: Vectors) -> Vectors:
        """The softmax of the labels' scores, `[texts, labels]`."""
        scores = vectors @ self.weights.T + self.intercepts
        raised = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares: Vectors = raised / raised.sum(axis=1, keepdims=True)
        return shares

    @property
    def numbers(self) -> int:
        return self.weights.size + self.intercepts.size


def fit(vectors: Vectors, labels: Sequence[str], inverse_strength: float) -> Fitted:
    """The weights W and intercepts b that minimise `sum_n -log p(label n) + |W|^2 / (2 inverse_strength)`.

    Of two labels the first one has weights and intercept 0. With one label only, there is nothing to tell apart, and
    that label has probability 1.
    """
    names = tuple(sorted(set(labels)))
    if len(names) < 2:
        return Fitted(names, np.zeros((len(names), vectors.shape[1])), np.zeros(len(names)))
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=inverse_strength, max_iter=ITERATIONS).fit(vectors, np.asarray(labels))
    weights, intercepts = model.coef_, model.intercept_
    if len(names) == 2:
        # scikit-learn returns the row of the second label alone.
        weights, intercepts = np.vstack([0 * weights, weights]), np.concatenate([0 * intercepts, intercepts])
    return Fitted(names, weights, intercepts)


def folds(labels: Sequence[str], seed: int) -> list[int]:
    """The fold of each row: the rows of each label are shuffled and dealt out in turn."""
    chance = Random(seed)  # noqa: S311 - a draw that everybody can repeat
    order = sorted(range(len(labels)), key=lambda n: (labels[n], chance.random()))
    dealt = [0] * len(labels)
    for place, n in enumerate(order):
        dealt[n] = place % FOLDS
    return dealt


def held_out_predictions(
    vectors: Vectors, labels: Sequence[str], dealt: Sequence[int], inverse_strength: float
) -> list[tuple[str, float]]:
    """The label of each row, with its probability, by the regression on the rows of all other folds."""
    predicted: list[tuple[str, float]] = [("", 0.0)] * len(labels)
    for fold in sorted(set(dealt)):
        inside = [n for n, one in enumerate(dealt) if one != fold]
        outside = [n for n, one in enumerate(dealt) if one == fold]
        fitted = fit(vectors[inside], [labels[n] for n in inside], inverse_strength)
        for n, answer in zip(outside, _answers(fitted, vectors[outside]), strict=True):
            predicted[n] = answer
    return predicted


@dataclass(frozen=True)
class Chosen:
    """The inverse strength of which most rows were right when held out, and these predictions."""

    inverse_strength: float
    predictions: list[tuple[str, float]]


def choose(vectors: Vectors, labels: Sequence[str], seed: int) -> Chosen:
    """Chooses by cross-validation on the training rows; of two that are equally good, the stronger penalty."""
    dealt = folds(labels, seed)
    best, most = None, -1
    for inverse_strength in INVERSE_STRENGTHS:
        predictions = held_out_predictions(vectors, labels, dealt, inverse_strength)
        right = sum(predicted == label for (predicted, _), label in zip(predictions, labels, strict=True))
        if right > most:
            best, most = Chosen(inverse_strength, predictions), right
    assert best is not None
    return best


def grade(bundle: ChallengeBundle, rows: Sequence[TrainRow], seed: int) -> Grading:
    """Yields Embed for the training rows, the public and the hidden samples.

    A public sample that is also a training row gets the answer of a regression that was fitted without it. `cost` has
    the milliseconds of a public sample; `training` has the seconds of embedding and fitting, and the bytes of what was
    fitted, which come on top of the embedding network.
    """
    labels = [row.output for row in rows]
    vectors, seconds = yield from _embedded([row.input for row in rows], "train")
    started = time.perf_counter()
    # The matrices are so small that several threads would only wait for each other, for minutes on a busy machine.
    with threadpool_limits(1):
        chosen = choose(vectors, labels, seed)
        fitted = fit(vectors, labels, chosen.inverse_strength)
    seconds += time.perf_counter() - started
    held_out = dict(zip((row.input for row in rows), chosen.predictions, strict=True))
    graded = Grade(score=None)
    if bundle.public:
        answers = yield from _answered(fitted, bundle.public, "public", held_out)
        graded = with_public(graded, bundle.challenge, bundle.public, answers)
    answers = yield from _answered(fitted, bundle.hidden, "hidden", {})
    graded = with_hidden(graded, bundle.challenge, bundle.hidden, answers)
    figures = {"seconds": seconds, "bytes": float(NUMBER_BYTES * fitted.numbers)}
    return replace(graded, training={**figures, "inverse_strength": chosen.inverse_strength})


def _embedded(texts: Sequence[str], stage: str) -> Generator[WorkItem, Any, tuple[Vectors, float]]:
    embedded: Embedded = yield Embed(tuple(texts), stage, is_timed=True)
    return np.asarray(embedded.vectors, dtype=np.float64), embedded.seconds


def _answered(
    fitted: Fitted, samples: Sequence[Sample], stage: str, known: Mapping[str, tuple[str, float]]
) -> Generator[WorkItem, Any, Answers]:
    vectors, seconds = yield from _embedded([sample.input for sample in samples], stage)
    started = time.perf_counter()
    answers = _answers(fitted, vectors)
    seconds += time.perf_counter() - started
    told = [known.get(sample.input, answer) for sample, answer in zip(samples, answers, strict=True)]
    outputs = [Output(text=label, prediction=label, confidence=share) for label, share in told]
    return Answers(tuple(outputs), {"ms": round(1000 * seconds / len(samples), 2)})


def _answers(fitted: Fitted, vectors: Vectors) -> list[tuple[str, float]]:
    shares = fitted.probabilities(vectors)
    return [(fitted.labels[n], float(share[n])) for share, n in zip(shares, shares.argmax(axis=1), strict=True)]
