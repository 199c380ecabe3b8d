"""The built-in verifier estimates marks from sentence embeddings and word features, fitted on graded answers.

It recognises topics but not truth: a negated model answer looks like the model answer. So its grades are never final.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import Criterion, free_text
from challenges.marks import SHARES, nearest, score
from challenges.rows import Benign, GoldAnswer
from challenges.spec import Challenge
from graders.base import Embed, Embedded
from graders.free_text.text import sentences
from graders.free_text.verifier import likeness
from graders.free_text.verifier import short_answers as short
from graders.free_text.verifier.likeness import Prediction
from graders.free_text.verifier.phrases import rubric_phrases

Matrix = NDArray[np.float64]
Known = GoldAnswer | Benign
GOLD_MIN = 8
SPREAD_UNKNOWN = 0.35
NEAREST = 3


@dataclass(frozen=True)
class Estimate:
    """The estimate for an answer: for each criterion a share of its points in [0, 1].

    It also holds the nearest graded answers. `certainty` is the probability in [0, 1] that the verdict is right,
    measured by leave-one-out; without enough graded answers it is a guess.
    """

    values: dict[str, float]
    nearest: tuple[tuple[float, Known], ...]
    certainty: float


def graded(bundle: ChallengeBundle) -> tuple[Known, ...]:
    """Returns the graded answers that the verifier learns from. Rows with the role `test` only measure its error."""
    return (*(gold for gold in bundle.gold if gold.role != "test"), *bundle.benign)


def fixed_texts(bundle: ChallengeBundle) -> tuple[str, ...]:
    """Returns the texts for every estimate of a question: graded answers, their sentences, and the author's phrases."""
    fixed = [part for row in graded(bundle) for part in (row.answer, *sentences(row.answer))]
    phrases = [phrase for c in free_text(bundle.challenge).rubric for phrase in (*_good(c), *c.reject)]
    fixed += phrases
    if is_short(bundle):
        taught = [phrase for c in free_text(bundle.challenge).rubric for phrase in _taught(c)]
        known = dict.fromkeys((*(row.answer for row in graded(bundle)), *taught))
        fixed += [part for text in known for part in in_context(bundle, text)]
    return tuple(dict.fromkeys(fixed))


def embed_item(bundle: ChallengeBundle, text: str) -> Embed:
    """Returns the work item for all texts of an estimate, each once. Those of the bundle come first and stay equal."""
    own = (text, *sentences(text), *(in_context(bundle, text) if is_short(bundle) else ()))
    return Embed(tuple(dict.fromkeys((*fixed_texts(bundle), *own))), "embed")


def is_short(bundle: ChallengeBundle) -> bool:
    """Returns whether the graded answers to a question are of a few words each."""
    return short.are_short(tuple(row.answer for row in graded(bundle)))


def in_context(bundle: ChallengeBundle, text: str) -> list[str]:
    """Returns a short answer and its clauses, each after the question."""
    return [short.in_context(free_text(bundle.challenge).question or "", part) for part in (text, *short.clauses(text))]


def estimate(bundle: ChallengeBundle, text: str, item: Embed, embedded: Embedded) -> Estimate:
    """Estimates the marks of `text` from its similarity to graded answers and to the author's phrases."""
    space = _Space(bundle, text, item, np.asarray(embedded.vectors, dtype=np.float64))
    rubric = free_text(bundle.challenge).rubric
    predictions = {c.id: space.predict(c) for c in rubric}
    values = {id: min(1.0, max(0.0, one.value)) for id, one in predictions.items()}
    sure = certainty(bundle.challenge, predictions)
    return Estimate(values, space.nearest(), sure)


def _good(criterion: Criterion) -> tuple[str, ...]:
    return (*criterion.accept, criterion.text)


def _taught(criterion: Criterion) -> dict[str, float]:
    """Phrases, each with the share of the criterion's points that it earns in a short answer."""
    shares = {} if criterion.kind == "must_not_claim" else dict.fromkeys(short.NOT_KNOWN, 0.0)
    shares |= rubric_phrases(criterion.text) if criterion.kind == "must_mention" else {}
    return shares | dict.fromkeys(criterion.reject, 0.0) | dict.fromkeys(criterion.accept, 1.0)


class _Space:
    """The similarities of one answer, which is the last row, to the graded answers and to the author's phrases."""

    def __init__(self, bundle: ChallengeBundle, text: str, item: Embed, vectors: Matrix) -> None:
        self.bundle, self.known, self.text, self.vectors = bundle, graded(bundle), text, vectors
        self.at = {part: n for n, part in enumerate(item.texts)}
        self.answers = [*(row.answer for row in self.known), text]
        self.groups = [[self.at[part] for part in sentences(answer)] for answer in self.answers]

    @cached_property
    def shared(self) -> Matrix:
        """The part of the kernel that is the same for every criterion."""
        return likeness.by_sentences(self.vectors, self.groups) + likeness.by_words(self.answers)

    def predict(self, criterion: Criterion) -> Prediction:
        """Returns the share of the criterion's points, by ridge regression, or by phrases if few answers are graded."""
        rows = [n for n, row in enumerate(self.known) if criterion.id in row.marks]
        if len(rows) < GOLD_MIN:
            near = float(self._phrases(self.groups[-1], criterion.accept or (criterion.text,)).max())
            return Prediction(near, SPREAD_UNKNOWN)
        marks = [SHARES[self.known[n].marks[criterion.id]] for n in rows]
        return self._short(criterion, rows, marks) if is_short(self.bundle) else self._long(criterion, rows, marks)

    def _long(self, criterion: Criterion, rows: list[int], marks: list[float]) -> Prediction:
        kernel = self.shared + likeness.by_features(np.array([self._features(criterion, g) for g in self.groups]))
        return likeness.predict(kernel[np.ix_([*rows, -1], [*rows, -1])], np.array(marks), len(rows))

    def _short(self, criterion: Criterion, rows: list[int], marks: list[float]) -> Prediction:
        """Predicts the share from the graded answers and the phrases of `_taught`, by the similarity of a few words."""
        taught = _taught(criterion)
        texts = [*(self.known[n].answer for n in rows), *taught, self.text]
        y = np.array([*marks, *taught.values()])
        return likeness.predict(self._few_words(texts), y, len(rows), short.RIDGE, short.STRETCH_MAX)

    def _few_words(self, texts: Sequence[str]) -> Matrix:
        groups = [[self.at[part] for part in in_context(self.bundle, text)] for text in texts]
        meaning = short.by_meaning(self.vectors, [group[0] for group in groups], [group[1:] for group in groups])
        return (meaning + short.by_spelling(texts) + short.by_numbers(texts)) / (3 + short.CLAUSES)

    def nearest(self) -> tuple[tuple[float, Known], ...]:
        """Returns the most similar graded answers with their cosine similarities, the most similar first."""
        own = self.vectors[self.at[self.text]]
        pairs = [(round(float(self.vectors[self.at[row.answer]] @ own), 3), row) for row in self.known]
        return tuple(sorted(pairs, key=lambda pair: -pair[0])[:NEAREST])

    def _features(self, criterion: Criterion, group: Sequence[int]) -> list[float]:
        """How similar the sentences of the answer are to the author's accepted and rejected phrases."""
        good = self._phrases(group, _good(criterion)).max(axis=0)
        bad = float(self._phrases(group, criterion.reject).max()) if criterion.reject else 0.0
        best = float(good.max())
        return [best, float(np.sort(good)[-3:].mean()), bad, best - bad]

    def _phrases(self, group: Sequence[int], phrases: Sequence[str]) -> Matrix:
        similarity: Matrix = self.vectors[list(group)] @ self.vectors[[self.at[phrase] for phrase in phrases]].T
        return similarity


Vector = NDArray[np.float64]
EXACT = 1e-9


def certainty(challenge: Challenge, predictions: Mapping[str, Prediction]) -> float:
    """Returns the probability, in [0, 1], that the verdict on an answer is right.

    The share of points of each criterion is modelled as Gaussian around its estimate, independently of other criteria;
    the distribution of the sum comes from a convolution. The standard deviations were measured by leave-one-out on
    graded answers.
    """
    marks = {c.id: nearest(predictions[c.id].value, c) for c in free_text(challenge).rubric}
    points = np.ones(1)
    for c in free_text(challenge).rubric:
        points = np.convolve(points, _chances(c, predictions[c.id]))
    shares = np.arange(len(points)) / (len(points) - 1)
    passing = float(points[shares >= challenge.pass_ - EXACT].sum())
    passes = score(free_text(challenge).rubric, marks) >= challenge.pass_ - EXACT
    return min(1.0, max(0.0, passing if passes else 1 - passing))


def _chances(criterion: Criterion, prediction: Prediction) -> Vector:
    """Returns the probability of each number of half points of the criterion, from 0 to all."""
    chances = np.zeros(2 * criterion.points + 1)
    low, high = (0.25, 0.75) if criterion.partial == "half" else (0.5, 0.5)
    below_low, below_high = (_below((bound - prediction.value) / prediction.spread) for bound in (low, high))
    chances[[0, criterion.points, -1]] = below_low, below_high - below_low, 1 - below_high
    return chances


def _below(deviations: float) -> float:
    return (1 + math.erf(deviations / math.sqrt(2))) / 2
