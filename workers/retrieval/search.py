"""Carries out `Retrieve` items, with indexes that are kept by the content of their passages."""

from __future__ import annotations

import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from graders.base import Retrieve, Retrieved
from workers.engine import embeddings
from workers.engine.watch import Watch
from workers.retrieval.vectors import VectorIndex
from workers.retrieval.words import WordIndex

DECIMALS = 4
# A learner tries a few ways of cutting. An index of 4,000 passages takes about 10 MB.
KEPT = 8
# The constant of reciprocal rank fusion.
K = 60
# The indexes that each method of a `rag` challenge asks; `challenges/kinds/rag_keys.py` has the methods.
INDEXES = {"words": ("words",), "vectors": ("vectors",), "both": ("words", "vectors")}


@dataclass(frozen=True)
class Index:
    """What the method of an item needs: one index or two."""

    words: WordIndex | None
    vectors: VectorIndex | None

    def ranked(self, query: str, vector: Sequence[float]) -> list[tuple[int, float]]:
        """The numbers of passages, the best first, with scores in [0, 1].

        With both indexes the order is that of reciprocal rank fusion, and the score is the mean of both scores, because
        a sum of reciprocal ranks says nothing of how near a passage is.
        """
        by_index = [index.scores(query) for index in (self.words,) if index is not None]
        by_index += [index.scores(vector) for index in (self.vectors,) if index is not None]
        scores: NDArray[np.float64] = np.mean(np.clip(by_index, 0.0, 1.0), axis=0)
        return [(number, round(float(scores[number]), DECIMALS)) for number in fused([order(one) for one in by_index])]


def retrieve(item: Retrieve, watch: Watch) -> Retrieved:
    """Looks the queries up, after the index was built or found. Only the building without queries is reported.

    `seconds` is the time of the queries alone. Raises `Stopped` where the job was cancelled.
    """
    quiet = Watch(should_stop=watch.should_stop)
    # The count of an item with queries would be one of rows.
    index = _index(item, quiet if item.queries else watch)
    began = time.perf_counter()
    vectors: Sequence[Sequence[float]] = [()] * len(item.queries)
    if index.vectors is not None and item.queries:
        vectors = embeddings.embed(item.queries, quiet)
    rankings = []
    for query, vector in zip(item.queries, vectors, strict=True):
        watch.check()
        rankings.append(index.ranked(query, vector)[: item.limit])
    return Retrieved(rankings, time.perf_counter() - began)


_kept: OrderedDict[str, Index] = OrderedDict()


def _index(item: Retrieve, watch: Watch) -> Index:
    """The index of the item's passages, built if it is not kept."""
    name = hashlib.sha256(json.dumps([item.method, *item.passages]).encode()).hexdigest()
    if name not in _kept:
        _kept[name] = _built(item, watch)
    _kept.move_to_end(name)
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return _kept[name]


def _built(item: Retrieve, watch: Watch) -> Index:
    uses = INDEXES[item.method]
    watch.progress(item.stage, 0, len(item.passages))
    words = WordIndex(item.passages) if "words" in uses else None
    vectors = VectorIndex(item.passages, watch, item.stage, item.vectors) if "vectors" in uses else None
    return Index(words, vectors)


def order(scores: NDArray[np.float64]) -> list[int]:
    """The numbers of the passages with a score above 0, the best first; of equal ones the earlier one comes first."""
    ranked = np.argsort(-scores, kind="stable")
    return [int(number) for number in ranked if scores[number] > 0]


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion (Cormack, Clarke and Buettcher 2009): the sum of 1 / (60 + rank) over the rankings."""
    sums: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking, 1):
            sums[number] = sums.get(number, 0.0) + 1 / (K + rank)
    return sorted(sums, key=lambda number: (-sums[number], number))
