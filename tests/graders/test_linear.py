"""The plain baseline of findings, against an oracle that is slow and obvious: gradient descent on the formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from challenges.findings.controls import FOLDS, INVERSE_STRENGTHS
from challenges.rows import Sample, TrainRow
from graders import linear
from graders.base import Embed, Embedded
from tests.graders.bundles import bundle, challenge, drive

LABELS = ("Dermatologist", "Neurologist", "Urologist")


def cloud(rows: int, labels: tuple[str, ...], spread: float = 0.7, seed: int = 5):
    """Points of length 1 around one direction for each label, near enough for mistakes."""
    chance = np.random.default_rng(seed)
    named = [labels[n % len(labels)] for n in range(rows)]
    raw = np.array([np.eye(4)[labels.index(name)] for name in named]) + spread * chance.normal(size=(rows, 4))
    return raw / np.linalg.norm(raw, axis=1, keepdims=True), named


def shares(weights, intercepts, vector) -> list[float]:
    raised = [math.exp(score) for score in weights @ vector + intercepts]
    return [one / sum(raised) for one in raised]


def descended(vectors, named, labels, strength: float, steps: int = 4000):
    """Minimises the sum of -log p and |W|^2 / (2 strength) in small steps; of two labels the first row stays 0."""
    weights, intercepts = np.zeros((len(labels), vectors.shape[1])), np.zeros(len(labels))
    moving = np.array([0.0, 1.0] if len(labels) == 2 else [1.0] * len(labels))
    for _ in range(steps):
        slopes, offsets = weights / strength, np.zeros(len(labels))
        scores = vectors @ weights.T + intercepts
        told = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        for label in range(len(labels)):
            wrong = told[:, label] - np.array([name == labels[label] for name in named])
            slopes[label] += wrong @ vectors
            offsets[label] += wrong.sum()
        weights, intercepts = weights - 0.05 * moving[:, None] * slopes, intercepts - 0.05 * moving * offsets
    return weights, intercepts


@pytest.mark.parametrize("labels", [LABELS, LABELS[:2]], ids=["three labels", "two labels"])
@pytest.mark.parametrize("strength", [0.1, 1.0, 10.0])
def test_it_fits_what_gradient_descent_finds(labels, strength):
    vectors, named = cloud(24, labels)
    fitted = linear.fit(vectors, named, strength)
    weights, intercepts = descended(vectors, named, labels, strength)
    assert fitted.labels == labels
    assert linear.fit(vectors[:4], ["Urologist"] * 4, 1.0).probabilities(vectors[:4]).tolist() == [[1.0]] * 4
    for vector, found in zip(vectors, fitted.probabilities(vectors), strict=True):
        assert list(found) == pytest.approx(shares(weights, intercepts, vector), abs=2e-3)


def test_folds_share_out_each_label_and_depend_on_the_seed_alone():
    named = [LABELS[n % 3] for n in range(32)]
    dealt = linear.folds(named, 17)
    for label in LABELS:
        counts = [sum(d == fold and one == label for d, one in zip(dealt, named, strict=True)) for fold in range(FOLDS)]
        assert max(counts) - min(counts) <= 1
    assert dealt == linear.folds(named, 17) != linear.folds(named, 18)


@pytest.mark.parametrize("seed", [17, 18])
def test_the_strength_is_the_one_that_is_most_often_right_on_rows_it_was_not_fitted_on(seed):
    vectors, named = cloud(40, LABELS, spread=1.1)
    dealt = linear.folds(named, seed)
    right = []
    for strength in INVERSE_STRENGTHS:
        hits = 0
        for n in range(len(named)):
            others = [m for m in range(len(named)) if dealt[m] != dealt[n]]
            fitted = linear.fit(vectors[others], [named[m] for m in others], strength)
            hits += fitted.labels[int(fitted.probabilities(vectors[n : n + 1])[0].argmax())] == named[n]
        right.append(hits)
    assert len(set(right)) > 1, "all strengths are equally good, so that the test asks nothing"
    chosen = linear.choose(vectors, named, seed)
    assert chosen.inverse_strength == INVERSE_STRENGTHS[right.index(max(right))]
    assert sum(p == name for (p, _), name in zip(chosen.predictions, named, strict=True)) == max(right)


WORDS = {"rash": LABELS[0], "itch": LABELS[0], "numb": LABELS[1], "dizzy": LABELS[1], "kidney": LABELS[2]}


def embedded(item: Embed) -> Embedded:
    """One direction for each label, by the first word."""
    found = [LABELS.index(WORDS[text.split()[0]]) if text.split()[0] in WORDS else 3 for text in item.texts]
    return Embedded([[float(n == one) for n in range(4)] for one in found], 0.5)


def sample(number: int, text: str, target: str) -> Sample:
    return Sample(id=f"s{number}", input=text, target=target)


ROWS = [TrainRow(input=f"{word} {n}", output=label) for word, label in WORDS.items() for n in range(4)]


def test_it_is_graded_on_public_and_hidden_rows_with_what_it_cost():
    public = [sample(1, "rash again", LABELS[0]), sample(2, "numb toe", LABELS[2])]
    hidden = [sample(3, "kidney stone", LABELS[2]), sample(4, "dizzy spell", LABELS[1]), sample(5, "itch", LABELS[2])]
    grade, items = drive(linear.grade(bundle(challenge(), public, hidden), ROWS, 17), embedded)
    asked = [(item.stage, item.is_timed, len(item.texts)) for item in items]
    assert asked == [("train", True, 20), ("public", True, 2), ("hidden", True, 3)]
    assert [row.output for row in grade.hidden] == [LABELS[2], LABELS[1], LABELS[0]]
    assert (grade.score, grade.public_score) == (pytest.approx(2 / 3), 0.5)
    assert grade.cost["ms"] >= 250
    assert 0.5 <= grade.training["seconds"] < 60
    assert grade.training["bytes"] == 4 * 3 * (4 + 1)


def test_a_public_row_that_it_was_trained_on_is_answered_without_that_row():
    odd = TrainRow(input="fever 1", output=LABELS[1])
    public = [sample(1, odd.input, odd.output)]
    grade, _ = drive(linear.grade(bundle(challenge(), public, public), [*ROWS, odd], 17), embedded)
    alone, _ = drive(linear.grade(bundle(challenge(), public, public), ROWS, 17), embedded)
    assert grade.public[0].output == alone.public[0].output
    assert grade.hidden[0].output == LABELS[1]
