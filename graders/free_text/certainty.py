"""Computes how probable it is that an estimate gives the right verdict, from the uncertainty of each criterion."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from challenges.kinds.rubric import Criterion, free_text
from challenges.marks import nearest, score
from challenges.spec import Challenge
from graders.free_text.likeness import Prediction

Vector = NDArray[np.float64]
EXACT = 1e-9


def certainty(challenge: Challenge, found: Mapping[str, Prediction]) -> float:
    """The probability, in [0, 1], that the verdict on an answer is right.

    The share of points of each criterion is modelled as Gaussian around its estimate, independently of other criteria;
    the distribution of the sum comes from a convolution. The standard deviations were measured by leave-one-out on
    graded answers.
    """
    marks = {c.id: nearest(found[c.id].value, c) for c in free_text(challenge).rubric}
    points = np.ones(1)
    for c in free_text(challenge).rubric:
        points = np.convolve(points, _chances(c, found[c.id]))
    shares = np.arange(len(points)) / (len(points) - 1)
    passing = float(points[shares >= challenge.pass_ - EXACT].sum())
    passes = score(free_text(challenge).rubric, marks) >= challenge.pass_ - EXACT
    return min(1.0, max(0.0, passing if passes else 1 - passing))


def _chances(criterion: Criterion, found: Prediction) -> Vector:
    """The probability of each number of half points of the criterion, from 0 to all."""
    chances = np.zeros(2 * criterion.points + 1)
    low, high = (0.25, 0.75) if criterion.partial == "half" else (0.5, 0.5)
    below_low, below_high = (_below((bound - found.value) / found.spread) for bound in (low, high))
    chances[[0, criterion.points, -1]] = below_low, below_high - below_low, 1 - below_high
    return chances


def _below(deviations: float) -> float:
    return (1 + math.erf(deviations / math.sqrt(2))) / 2
