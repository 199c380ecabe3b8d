"""Passages ranked by the words that they share with a query: BM25, computed by `bm25s`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import bm25s
import numpy as np
from numpy.typing import NDArray

# Numbers of one digit count, too.
WORD = r"(?u)\b\w+\b"
LANGUAGE = "en"
K1, B = 1.5, 0.75


class WordIndex:
    """BM25 (Robertson and Zaragoza 2009) in Lucene's form, without English stop words and without stemming."""

    def __init__(self, passages: Sequence[str]) -> None:
        self._size = len(passages)
        tokens = words_of(passages)
        self._holding = Counter(word for words in tokens for word in set(words))
        self._ranking: Any = None
        if self._holding:
            self._ranking = bm25s.BM25(k1=K1, b=B, method="lucene", backend="numpy")
            self._ranking.index(tokens, show_progress=False)

    def scores(self, query: str) -> NDArray[np.float64]:
        """The score of each passage as a share of what one of average length has that holds each word once.

        That is the sum of the inverse document frequencies of the query's words. Words that stand in no passage count,
        so that a query about something else gets low scores. A short passage, or one with many repetitions, may have
        more than 1.
        """
        (words,) = words_of([query])
        wanted = sorted(set(words))
        if self._ranking is None or not any(word in self._holding for word in wanted):
            return np.zeros(self._size)
        whole = sum(math.log(1 + (self._size - self._holding[w] + 0.5) / (self._holding[w] + 0.5)) for w in wanted)
        known = [word for word in wanted if word in self._holding]
        found_scores = np.asarray(self._ranking.get_scores(known), dtype=np.float64)
        return found_scores * (K1 + 1) / whole


def words_of(texts: Sequence[str]) -> list[list[str]]:
    """The words of each text, in lower case and without stop words."""
    words: list[list[str]] = bm25s.tokenize(
        list(texts), token_pattern=WORD, stopwords=LANGUAGE, return_ids=False, show_progress=False
    )
    return words
