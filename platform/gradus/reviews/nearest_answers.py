"""Finds graded answers that are similar to another answer: the author's by embeddings, and those of reviewers by words.

A worker computes the embeddings. The site has none, so it uses the cosine of tf-idf weights (Salton & Buckley 1988):
rare words count most.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from challenges import marks as table
from challenges.kinds.rubric import free_text
from challenges.spec import Challenge
from gradus.reviews.models import Review

SHOWN = 3
LIKENESS_MIN = 0.1
LOOKED_AT = 300
# The weight of a word that every answer has. It is small, but two answers of such words are still similar.
COMMON = 0.05
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+")
Weights = Mapping[str, float]


@dataclass(frozen=True)
class Neighbour:
    """A graded answer that is similar to this one.

    `likeness` and `score` are in [0, 1]; `by` is `author` (a gold answer) or `person`.
    """

    likeness: float
    answer: str
    marks: dict[str, str]
    score: float
    by: str


def neighbours(
    review: Review, private: dict[str, Any], challenge: Challenge, of_class: int | None = None
) -> list[Neighbour]:
    """Returns the nearest graded answers: the author's, found by embeddings, and those of reviewers, by words.

    With `of_class`, those of reviewers are only answers that count for that class.
    """
    by_author = [
        _neighbour(i["likeness"], i["answer"], i["marks"], challenge, "author") for i in private.get("nearest", [])
    ]
    decided = person_graded(review, of_class)
    return by_author + [
        _neighbour(near, other.submission.payload["answer"], other.marks, challenge, "person")
        for near, other in decided
    ]


def _neighbour(likeness: float, answer: str, marks: dict[str, str], challenge: Challenge, by: str) -> Neighbour:
    return Neighbour(likeness, answer, marks, table.score(free_text(challenge).rubric, marks), by)


def person_graded(review: Review, of_class: int | None = None) -> list[tuple[float, Review]]:
    """Returns the three nearest decided answers of other learners to this question, each with its similarity.

    Similarities are in [0.1, 1], the highest first.
    """
    decided = Review.objects.filter(
        submission__challenge=review.submission.challenge_id, decided_at__isnull=False, in_bulk=False
    ).exclude(submission__user=review.submission.user_id)
    if of_class is not None:
        decided = decided.filter(submission__of_class=of_class)
    others = list(decided.select_related("submission").order_by("-decided_at")[:LOOKED_AT])
    texts = [other.submission.payload.get("answer", "") for other in others]
    near = likeness(review.submission.payload.get("answer", ""), texts)
    ranked = sorted(zip(near, others, strict=True), key=lambda pair: -pair[0])
    return [(value, other) for value, other in ranked[:SHOWN] if value >= LIKENESS_MIN]


def likeness(text: str, others: Sequence[str]) -> list[float]:
    """Returns the cosine similarity of `text` with each of `others`, in [0, 1]."""
    counts = [Counter(_WORD.findall(one.casefold())) for one in (text, *others)]
    seen_in = Counter(word for count in counts for word in count)
    rarity = {word: math.log((1 + len(counts)) / (1 + n)) + COMMON for word, n in seen_in.items()}
    weights = [{word: n * rarity[word] for word, n in count.items()} for count in counts]
    return [_cosine(weights[0], other) for other in weights[1:]]


def _cosine(a: Weights, b: Weights) -> float:
    size = math.hypot(*a.values()) * math.hypot(*b.values())
    # Rounding gives some equal texts slightly more than 1.
    return min(sum(value * b.get(word, 0.0) for word, value in a.items()) / size, 1.0) if size else 0.0
