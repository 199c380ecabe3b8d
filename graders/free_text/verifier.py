"""The built-in verifier: sentence embeddings and word features, fitted on the author's graded answers.

It tells topics, not truth (a negated model answer looks like the model answer), so nothing that it says is final.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from challenges.bundle import ChallengeBundle
from challenges.spec import Benign, Criterion, GoldAnswer
from graders.base import Embed, Embedded, Mark
from graders.free_text import likeness
from graders.free_text.points import VALUES
from graders.free_text.text import sentences

Matrix = NDArray[np.float64]
Known = GoldAnswer | Benign
GOLD_MIN = 8
NEAREST = 3
CLAIM_LIKENESS = 0.6
CLAIM_MARGIN = 0.4


@dataclass(frozen=True)
class Estimate:
    """Per criterion a share of its points in [0, 1] and the answer's nearest sentence; the nearest graded answers.

    `certainty` is how far the whole score lies from the pass mark. `claims` are the criteria of kind must_not_claim
    to one of whose rejected phrases a sentence of the answer comes near.
    """

    values: dict[str, float]
    quotes: dict[str, str]
    nearest: tuple[tuple[float, Known], ...]
    certainty: float
    claims: tuple[str, ...] = ()


def graded(bundle: ChallengeBundle) -> tuple[Known, ...]:
    """What the verifier may learn from; `test` rows stay out so that its error can be measured on them."""
    return (*(gold for gold in bundle.gold if gold.role != "test"), *bundle.benign)


def fixed_texts(bundle: ChallengeBundle) -> tuple[str, ...]:
    """What every estimate of a question needs, each once: graded answers, their sentences, the author's phrases."""
    fixed = [part for row in graded(bundle) for part in (row.answer, *sentences(row.answer))]
    fixed += [phrase for c in bundle.challenge.rubric for phrase in (*_good(c), *c.reject)]
    return tuple(dict.fromkeys(fixed))


def embed_item(bundle: ChallengeBundle, text: str) -> Embed:
    """All texts that an estimate needs, each once; those of the bundle come first and never change."""
    return Embed(tuple(dict.fromkeys((*fixed_texts(bundle), text, *sentences(text)))), "embed")


def estimate(bundle: ChallengeBundle, text: str, item: Embed, embedded: Embedded) -> Estimate:
    """Estimates the marks of `text` from its likeness to graded answers and to the author's phrases."""
    space = _Space(bundle, text, item, np.asarray(embedded.vectors, dtype=np.float64))
    rubric = bundle.challenge.rubric
    values = {c.id: space.value(c) for c in rubric}
    whole = sum(c.points * values[c.id] for c in rubric) / sum(c.points for c in rubric)
    certainty = abs(whole - bundle.challenge.pass_)
    claims = tuple(c.id for c in rubric if c.kind == "must_not_claim" and space.claims(c))
    return Estimate(values, {c.id: space.quote(c) for c in rubric}, space.nearest(), certainty, claims)


def as_mark(value: float, criterion: Criterion) -> Mark:
    """The nearest mark that the criterion allows."""
    if criterion.partial == "half" and 0.25 <= value < 0.75:
        return Mark.PARTIAL
    return Mark.MET if value >= 0.5 else Mark.NOT_MET


def _good(criterion: Criterion) -> tuple[str, ...]:
    return (*criterion.accept, criterion.text)


class _Space:
    """The likenesses of one answer, which comes last, to the graded ones and to the author's phrases."""

    def __init__(self, bundle: ChallengeBundle, text: str, item: Embed, vectors: Matrix) -> None:
        self.known, self.text, self.vectors = graded(bundle), text, vectors
        self.at = {part: n for n, part in enumerate(item.texts)}
        self.answers = [*(row.answer for row in self.known), text]
        self.groups = [[self.at[part] for part in sentences(answer)] for answer in self.answers]

    @cached_property
    def shared(self) -> Matrix:
        """What is the same for every criterion."""
        return likeness.by_sentences(self.vectors, self.groups) + likeness.by_words(self.answers)

    def value(self, criterion: Criterion) -> float:
        rows = [n for n, row in enumerate(self.known) if criterion.id in row.marks]
        if len(rows) < GOLD_MIN:
            return float(np.clip(self._phrases(self.groups[-1], criterion.accept or (criterion.text,)).max(), 0, 1))
        kernel = self.shared + likeness.by_features(np.array([self._features(criterion, g) for g in self.groups]))
        values = [VALUES[Mark(self.known[n].marks[criterion.id])] for n in rows]
        return float(np.clip(likeness.predict(kernel[np.ix_([*rows, -1], [*rows, -1])], values), 0, 1))

    def quote(self, criterion: Criterion) -> str:
        near = self._phrases(self.groups[-1], criterion.accept or (criterion.text,))
        return sentences(self.text)[int(np.argmax(near.max(axis=1)))]

    def claims(self, criterion: Criterion) -> bool:
        """Whether a sentence is like a phrase that the author rejects, and much less like what is accepted."""
        if not criterion.reject:
            return False
        bad = self._phrases(self.groups[-1], criterion.reject).max(axis=1)
        good = self._phrases(self.groups[-1], _good(criterion)).max(axis=1)
        return bool(np.any((bad >= CLAIM_LIKENESS) & (bad - good >= CLAIM_MARGIN)))

    def nearest(self) -> tuple[tuple[float, Known], ...]:
        own = self.vectors[self.at[self.text]]
        pairs = [(round(float(self.vectors[self.at[row.answer]] @ own), 3), row) for row in self.known]
        return tuple(sorted(pairs, key=lambda pair: -pair[0])[:NEAREST])

    def _features(self, criterion: Criterion, group: Sequence[int]) -> list[float]:
        """How near the answer's sentences come to what the author would accept, and to what not."""
        good = self._phrases(group, _good(criterion)).max(axis=0)
        bad = float(self._phrases(group, criterion.reject).max()) if criterion.reject else 0.0
        best = float(good.max())
        return [best, float(np.sort(good)[-3:].mean()), bad, best - bad]

    def _phrases(self, group: Sequence[int], phrases: Sequence[str]) -> Matrix:
        found: Matrix = self.vectors[list(group)] @ self.vectors[[self.at[phrase] for phrase in phrases]].T
        return found
