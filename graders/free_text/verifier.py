"""The built-in verifier: sentence embeddings and word features, fitted on the author's graded answers.

It tells topics, not truth (a negated model answer looks like the model answer), so nothing that it says is final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from challenges.bundle import ChallengeBundle
from challenges.spec import Criterion, GoldAnswer
from graders.base import Embed, Embedded, Mark
from graders.free_text.points import VALUES
from graders.free_text.text import STOP_WORDS, is_negation, sentences, words

Matrix = NDArray[np.float64]
Rows = Sequence[tuple[GoldAnswer, float]]
GOLD_MIN = 8
RIDGE = 10.0
NEAREST = 3


@dataclass(frozen=True)
class Estimate:
    """Per criterion a share of its points in [0, 1] and the answer's nearest sentence; the nearest gold answers."""

    values: dict[str, float]
    quotes: dict[str, str]
    nearest: tuple[tuple[float, GoldAnswer], ...]


def graded(bundle: ChallengeBundle) -> tuple[GoldAnswer, ...]:
    """What the verifier may learn from; `test` rows stay out so that its error can be measured on them."""
    return tuple(gold for gold in bundle.gold if gold.role != "test")


def embed_item(bundle: ChallengeBundle, text: str) -> Embed:
    """All texts that an estimate needs, each once; those of the bundle come first and never change."""
    answers = [bundle.challenge.model_answer or "", *(gold.answer for gold in graded(bundle))]
    fixed = [part for answer in answers for part in (answer, *sentences(answer))]
    fixed += [phrase for c in bundle.challenge.rubric for phrase in _phrases(c)]
    return Embed(tuple(dict.fromkeys((*fixed, text, *sentences(text)))), "embed")


def estimate(bundle: ChallengeBundle, text: str, item: Embed, embedded: Embedded) -> Estimate:
    """Estimates the marks of `text` from its likeness to graded answers (features as in Mohler et al. 2011)."""
    space = _Space(bundle, item, np.asarray(embedded.vectors, dtype=np.float64))
    rubric = bundle.challenge.rubric
    return Estimate(
        {c.id: space.value(c, text) for c in rubric}, {c.id: space.quote(c, text) for c in rubric}, space.nearest(text)
    )


def as_mark(value: float, criterion: Criterion) -> Mark:
    """The nearest mark that the criterion allows."""
    if criterion.partial == "half" and 0.25 <= value < 0.75:
        return Mark.PARTIAL
    return Mark.MET if value >= 0.5 else Mark.NOT_MET


def _phrases(criterion: Criterion) -> tuple[str, ...]:
    return (criterion.text, *criterion.accept, *criterion.reject)


@dataclass(frozen=True)
class _Words:
    content: frozenset[str]
    count: int
    negations: int


class _Space:
    """Likenesses between one bundle's texts and one answer, as cosines in one matrix."""

    def __init__(self, bundle: ChallengeBundle, item: Embed, vectors: Matrix) -> None:
        self.bundle, self.gold = bundle, graded(bundle)
        self.at = {text: n for n, text in enumerate(item.texts)}
        self.cosine = vectors @ vectors.T
        self.parts: dict[str, list[int]] = {}
        self.counts: dict[str, _Words] = {}

    def value(self, criterion: Criterion, text: str) -> float:
        rows = [(g, VALUES[Mark(g.marks[criterion.id])]) for g in self.gold if criterion.id in g.marks]
        if len(rows) < GOLD_MIN:
            return float(np.clip(self._nearest_phrase(text, criterion.accept or (criterion.text,)), 0, 1))
        known = np.array([self._features(criterion, gold.answer, rows) for gold, _ in rows])
        model = make_pipeline(StandardScaler(), Ridge(alpha=RIDGE)).fit(known, [value for _, value in rows])
        return float(np.clip(model.predict([self._features(criterion, text, rows)])[0], 0, 1))

    def quote(self, criterion: Criterion, text: str) -> str:
        near = self._block(self._sentences(text), [self.at[p] for p in criterion.accept or (criterion.text,)])
        return sentences(text)[int(np.argmax(near.max(axis=1)))]

    def nearest(self, text: str) -> tuple[tuple[float, GoldAnswer], ...]:
        pairs = [(round(self._likeness(text, gold.answer), 3), gold) for gold in self.gold]
        return tuple(sorted(pairs, key=lambda pair: -pair[0])[:NEAREST])

    def _features(self, criterion: Criterion, text: str, rows: Rows) -> list[float]:
        model_answer, own = self.bundle.challenge.model_answer or "", self._words(text)
        others = [(gold, value) for gold, value in rows if gold.answer != text]
        return [
            self._nearest_phrase(text, criterion.accept),
            self._nearest_phrase(text, criterion.reject),
            self._nearest_phrase(text, (criterion.text,)),
            self._towards_met(text, others),
            self._neighbours_value(text, others),
            self._likeness(text, model_answer),
            _share(own.content, self._words(model_answer).content),
            _share(self._words(" ".join((*criterion.accept, criterion.text))).content, own.content),
            own.count / 100,
            own.negations / max(own.count, 1),
        ]

    def _nearest_phrase(self, text: str, phrases: Sequence[str]) -> float:
        return float(self._block(self._sentences(text), [self.at[p] for p in phrases]).max()) if phrases else 0.0

    def _towards_met(self, text: str, others: Rows) -> float:
        """How much nearer a sentence of the answer is to sentences of met answers than to those of others."""
        met = [n for gold, value in others if value == 1 for n in self._sentences(gold.answer)]
        rest = [n for gold, value in others if value < 1 for n in self._sentences(gold.answer)]
        if not met or not rest:
            return 0.0
        own = self._sentences(text)
        return float((self._block(own, met).max(axis=1) - self._block(own, rest).max(axis=1)).max())

    def _neighbours_value(self, text: str, others: Rows) -> float:
        weights = np.exp(10 * self.cosine[self.at[text], [self.at[gold.answer] for gold, _ in others]])
        return float(np.dot(weights, [value for _, value in others]) / weights.sum())

    def _likeness(self, a: str, b: str) -> float:
        return float(self.cosine[self.at[a], self.at[b]])

    def _block(self, rows: Sequence[int], columns: Sequence[int]) -> Matrix:
        return self.cosine[np.ix_(rows, columns)]

    def _sentences(self, text: str) -> list[int]:
        if text not in self.parts:
            self.parts[text] = [self.at[part] for part in sentences(text)]
        return self.parts[text]

    def _words(self, text: str) -> _Words:
        if text not in self.counts:
            found = words(text)
            content = frozenset(word for word in found if word not in STOP_WORDS)
            self.counts[text] = _Words(content, len(found), sum(is_negation(word) for word in found))
        return self.counts[text]


def _share(own: frozenset[str], other: frozenset[str]) -> float:
    return len(own & other) / len(own) if own else 0.0
