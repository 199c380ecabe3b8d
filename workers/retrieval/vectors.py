"""Passages ranked by the cosine of their sentence embeddings with the query's, in an index of `faiss`."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from workers.engine import embeddings
from workers.engine.watch import Watch


class VectorIndex:
    """An exact index: each query is compared with every passage."""

    def __init__(self, passages: Sequence[str], watch: Watch, stage: str, kept: str = "") -> None:
        """`kept` is the path of a file with the passages' embeddings; they are computed where it is none."""
        vectors = _read(kept, len(passages)) if kept else None
        if vectors is None:
            vectors = _matrix(embeddings.embed(passages, watch, stage))
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def scores(self, query: Sequence[float]) -> NDArray[np.float64]:
        """The cosine of each passage with a query's vector; 0 for one that points away from it."""
        # One query at a time: faiss computes many at once in another way, and a row's result must not depend on others.
        similarities, numbers = self._index.search(_matrix([query]), self._index.ntotal)
        by_passage = np.zeros(self._index.ntotal)
        by_passage[numbers[0]] = similarities[0]
        return np.clip(by_passage, 0.0, 1.0)


def _read(path: str, rows: int) -> NDArray[np.float32] | None:
    """None where the file is not there, or holds something else."""
    try:
        vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return _matrix(vectors) if vectors.ndim == 2 and vectors.shape[0] == rows else None


def _matrix(vectors: Sequence[Sequence[float]] | NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ascontiguousarray(vectors, dtype=np.float32)
