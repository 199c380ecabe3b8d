"""Which rows tell learners apart: the share that is right, and the discrimination of each row against the rest.

Classical item analysis: the discrimination of a row is the correlation, over learners, of its score with the mean of
all other rows (corrected item-total correlation), from -1 to 1. Near 0 the row says nothing about who is good, and
below 0 those who do well elsewhere miss it more often than others.

Where answers are lists of documents, hardly two learners get the same list, so the documents are counted: one that
stands at the place p counts 1 / p for its learner, as in the mean reciprocal rank. An expected document that is wrong
shows in another one that comes first for most learners, and that stands apart from all others. Where a row is only
hard, several documents share the first places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from operator import mul

from challenges.documents import ID_JOIN
from gradus.challenge_health.models import NO_SCORE

# With fewer learners, one of them moves a correlation too far.
LEARNERS_MIN = 20
WRONG_SHOWN = 3
# A wrong document stands apart that counts so many times as much as the next one.
APART = 2.5


@dataclass(frozen=True)
class ItemFigures:
    """One row, over `learners`: the mean of its scores in [0, 1], its discrimination in [-1, 1] or None where it is not
    known, and the wrong answers that most learners got, with how many.

    `agreed` is the share in [0, 1] of those learners whose answers were read that the most common one stands for. It is
    None where it was not computed.
    """

    learners: int
    share: float
    discrimination: float | None
    wrong: tuple[tuple[str, int], ...] = ()
    agreed: float | None = None


@dataclass
class WrongAnswers:
    """Counts the wrong answers to one row. `right` are the documents that are expected, where answers are lists."""

    right: Collection[str] = ()
    learners: Counter[str] = field(default_factory=Counter)
    weights: Counter[str] = field(default_factory=Counter)

    def add(self, answer: str) -> None:
        parts = list(dict.fromkeys(answer.split(ID_JOIN))) if self.right else [answer]
        for place, part in enumerate(parts, 1):
            if part not in self.right:
                self.learners[part] += 1
                self.weights[part] += 1 / place  # type: ignore[assignment]

    def most_common(self) -> tuple[tuple[str, int], ...]:
        """The answers that stand for most, with the numbers of their learners."""
        return tuple((part, self.learners[part]) for part, _weight in self.weights.most_common(WRONG_SHOWN))

    def agreed(self, read: int) -> float:
        """The share of the learners whose answers were read; 0 for a document that does not stand apart."""
        first, second = [*(weight for _part, weight in self.weights.most_common(2)), 0, 0][:2]
        return first / read if read and (not self.right or first >= APART * second) else 0.0


def analysed(
    scores: Sequence[bytes], wrong: Iterable[Mapping[str, str]] = (), right: Sequence[Collection[str]] = ()
) -> list[ItemFigures]:
    """Returns the figures of each row.

    Args:
        scores: Of each learner, a byte for each row: hundredths of its score. Those with another number of rows than
            the first, or without a score for one of them, are left out.
        wrong: Wrong answers by the number of the row, of some of the learners.
        right: The documents that are expected in each row, where its answers are lists of them.
    """
    rows = len(scores[0]) if scores else 0
    whole = [one for one in scores if len(one) == rows and NO_SCORE not in one]
    if not whole or not rows:
        return []
    answers = [WrongAnswers(right[number] if number < len(right) else ()) for number in range(rows)]
    read = 0
    for of_learner in wrong:
        read += 1
        for at, answer in of_learner.items():
            if int(at) < rows:
                answers[int(at)].add(answer)
    joined, totals, learners = b"".join(whole), [sum(one) for one in whole], len(whole)
    found = []
    for number in range(rows):
        column = joined[number::rows]
        found.append(
            ItemFigures(
                learners,
                sum(column) / (100 * learners),
                _against_rest(column, totals) if learners >= LEARNERS_MIN and rows > 1 else None,
                answers[number].most_common(),
                answers[number].agreed(read),
            )
        )
    return found


def _against_rest(column: bytes, totals: Sequence[int]) -> float | None:
    """The correlation of a row's scores with those of all others together; None where either is the same for all."""
    n, sum_x, sum_t = len(column), sum(column), sum(totals)
    of_x = n * sum(map(mul, column, column)) - sum_x * sum_x
    of_t = n * sum(map(mul, totals, totals)) - sum_t * sum_t
    both = n * sum(map(mul, column, totals)) - sum_x * sum_t
    of_rest = of_t + of_x - 2 * both
    return (both - of_x) / sqrt(of_x * of_rest) if of_x > 0 and of_rest > 0 else None
