"""Metrics of what was looked up: predictions are the documents of the found passages, the best first."""

from __future__ import annotations

from collections.abc import Sequence

from graders.metrics import Measured, Prediction, Target


def hit_rate(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """The share of rows for which a passage of a right document was found.

    A row whose answer stands in no document is right where nothing was found.
    """
    return _mean([float(place > 0) for place in _places(predictions, targets)])


def mrr(predictions: Sequence[Prediction], targets: Sequence[Target], answer: object) -> Measured:
    """The mean reciprocal rank: 1 / place of the first passage of a right document, 0 where there is none.

    Source: Voorhees 1999, "The TREC-8 Question Answering Track Report". A row whose answer stands in no document has 1
    where nothing was found.
    """
    return _mean([1 / place if place else 0.0 for place in _places(predictions, targets)])


def place_of(found: Sequence[str], right: Sequence[str]) -> int:
    """The place, from 1, of the first found document that is right; 0 where there is none."""
    return next((place for place, document in enumerate(found, 1) if document in right), 0)


def _places(predictions: Sequence[Prediction], targets: Sequence[Target]) -> list[int]:
    pairs = [(tuple(p or ()), tuple(map(str, t))) for p, t in zip(predictions, targets, strict=True)]
    return [place_of(found, right) if right else int(not found) for found, right in pairs]


def _mean(rows: Sequence[float]) -> Measured:
    return Measured(sum(rows) / len(rows), tuple(rows))
