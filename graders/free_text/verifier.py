"""The built-in verifier: sentence embeddings and word features, fitted on the author's graded answers.

It tells topics, not truth (a negated model answer looks like the model answer), so nothing that it says is final.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from graders.free_text.text import containment, is_negation, sentences, words

Vector = NDArray[np.float64]
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
    space = _Space(bundle, dict(zip(item.texts, np.asarray(embedded.vectors, dtype=np.float64), strict=True)))
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


class _Space:
    """The vectors of one bundle's texts and of one answer."""

    def __init__(self, bundle: ChallengeBundle, vectors: Mapping[str, Vector]) -> None:
        self.bundle, self.vectors = bundle, vectors
        self.gold = graded(bundle)

    def value(self, criterion: Criterion, text: str) -> float:
        rows = [(g, VALUES[Mark(g.marks[criterion.id])]) for g in self.gold if criterion.id in g.marks]
        if len(rows) < GOLD_MIN:
            return float(np.clip(self._nearest_phrase(text, criterion.accept or (criterion.text,)), 0, 1))
        known = np.stack([self._features(criterion, gold.answer, rows) for gold, _ in rows])
        model = make_pipeline(StandardScaler(), Ridge(alpha=RIDGE)).fit(known, [value for _, value in rows])
        return float(np.clip(model.predict(self._features(criterion, text, rows)[None])[0], 0, 1))

    def quote(self, criterion: Criterion, text: str) -> str:
        wanted = self._stack(criterion.accept or (criterion.text,))
        parts = sentences(text)
        return parts[int(np.argmax((self._stack(parts) @ wanted.T).max(axis=1)))]

    def nearest(self, text: str) -> tuple[tuple[float, GoldAnswer], ...]:
        pairs = [(round(float(self.vectors[text] @ self.vectors[g.answer]), 3), g) for g in self.gold]
        return tuple(sorted(pairs, key=lambda pair: -pair[0])[:NEAREST])

    def _features(self, criterion: Criterion, text: str, rows: Sequence[tuple[GoldAnswer, float]]) -> Vector:
        model_answer, own = self.bundle.challenge.model_answer or "", words(text)
        others = [(gold, value) for gold, value in rows if gold.answer != text]
        return np.array(
            [
                self._nearest_phrase(text, criterion.accept),
                self._nearest_phrase(text, criterion.reject),
                self._nearest_phrase(text, (criterion.text,)),
                self._towards_met(text, others),
                self._neighbours_value(text, others),
                float(self.vectors[text] @ self.vectors[model_answer]),
                containment(text, model_answer),
                containment(" ".join((*criterion.accept, criterion.text)), text),
                len(own) / 100,
                sum(is_negation(word) for word in own) / max(len(own), 1),
            ]
        )

    def _nearest_phrase(self, text: str, phrases: Sequence[str]) -> float:
        return float((self._stack(sentences(text)) @ self._stack(phrases).T).max()) if phrases else 0.0

    def _towards_met(self, text: str, others: Sequence[tuple[GoldAnswer, float]]) -> float:
        """How much nearer a sentence of the answer is to sentences of met answers than to those of others."""
        met = [s for gold, value in others if value == 1 for s in sentences(gold.answer)]
        rest = [s for gold, value in others if value < 1 for s in sentences(gold.answer)]
        if not met or not rest:
            return 0.0
        parts = self._stack(sentences(text))
        gap = (parts @ self._stack(met).T).max(axis=1) - (parts @ self._stack(rest).T).max(axis=1)
        return float(gap.max())

    def _neighbours_value(self, text: str, others: Sequence[tuple[GoldAnswer, float]]) -> float:
        likeness = np.array([self.vectors[text] @ self.vectors[gold.answer] for gold, _ in others])
        weights = np.exp(10 * likeness)
        return float(weights @ np.array([value for _, value in others]) / weights.sum())

    def _stack(self, texts: Sequence[str]) -> Vector:
        return np.stack([self.vectors[text] for text in texts])
