"""How probable it is that an estimate gives the right verdict, learnt from graded answers that were left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from challenges.spec import Challenge, Criterion
from graders.base import Mark
from graders.free_text.likeness import Fit
from graders.free_text.points import as_mark, score

Vector = NDArray[np.float64]
EXACT = 1e-9
ROWS_MIN = 8
EXPONENTS = tuple(math.pow(2, n / 10) for n in range(-20, 11))
# What it costs to leave the Gaussian's own probability: about as much as one surprise in twenty rows.
STAY = 1.0
SURE_MAX = 0.995


def certainty(challenge: Challenge, fits: Mapping[str, Fit], graded: Sequence[Mapping[str, str]]) -> float:
    """The probability, in [0, 1], that the answer in question is rightly passed or failed.

    `fits` by criterion end with that answer; `graded` are the author's marks of the answers that they were fitted on.
    A Gaussian about each criterion's value gives a first probability. How often that held for the graded answers,
    each predicted from all others, corrects it.
    """
    own = _sure(challenge, fits, dict.fromkeys(fits, -1))
    right: list[bool] = []
    said: list[float] = []
    for row in sorted(set.intersection(*(set(fit.rows) for fit in fits.values()))):
        at = {id: fit.rows.index(row) for id, fit in fits.items()}
        person = {id: Mark(graded[row][id]) for id in fits}
        right.append(_passes(challenge, person) == _passes(challenge, _marks(challenge, fits, at)))
        said.append(_sure(challenge, fits, at))
    return _corrected(own, _exponent(said, right)) if len(right) >= ROWS_MIN else own


def _marks(challenge: Challenge, fits: Mapping[str, Fit], at: Mapping[str, int]) -> dict[str, Mark]:
    return {c.id: as_mark(float(fits[c.id].values[at[c.id]]), c) for c in challenge.rubric}


def _passes(challenge: Challenge, marks: Mapping[str, Mark]) -> bool:
    return score(challenge.rubric, marks) >= challenge.pass_ - EXACT


def _sure(challenge: Challenge, fits: Mapping[str, Fit], at: Mapping[str, int]) -> float:
    """The probability of the verdict, with criteria taken as independent; their points are added by convolution."""
    sums = np.ones(1)
    for c in challenge.rubric:
        fit, row = fits[c.id], at[c.id]
        sums = np.convolve(sums, _chances(c, float(fit.values[row]), float(fit.spreads[row])))
    shares = np.arange(len(sums)) / (len(sums) - 1)
    passing = float(sums[shares >= challenge.pass_ - EXACT].sum())
    sure = passing if _passes(challenge, _marks(challenge, fits, at)) else 1 - passing
    return min(SURE_MAX, max(1 - SURE_MAX, sure))


def _chances(criterion: Criterion, value: float, spread: float) -> Vector:
    """The probability of each number of half points, from none to all."""
    found = np.zeros(2 * criterion.points + 1)
    low, high = (0.25, 0.75) if criterion.partial == "half" else (0.5, 0.5)
    below_low, below_high = (_below((bound - value) / spread) for bound in (low, high))
    found[[0, criterion.points, -1]] = below_low, below_high - below_low, 1 - below_high
    return found


def _below(deviations: float) -> float:
    return (1 + math.erf(deviations / math.sqrt(2))) / 2


def _exponent(said: Sequence[float], right: Sequence[bool]) -> float:
    """The power of the odds under which the left-out verdicts are most probable; 1 leaves them as they are."""

    def cost(exponent: float) -> float:
        chances = [
            _corrected(p, exponent) if ok else 1 - _corrected(p, exponent) for p, ok in zip(said, right, strict=True)
        ]
        return STAY * math.log(exponent) ** 2 - sum(math.log(chance) for chance in chances)

    return min(EXPONENTS, key=cost)


def _corrected(sure: float, exponent: float) -> float:
    odds = math.pow(sure / (1 - sure), exponent)
    return odds / (1 + odds)
