"""Sentence embeddings for an author's command line, which `gradus challenge rows` and `dedupe` compare texts with."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from workers.authoring.local_runner import bars, reporter
from workers.engine.embeddings import embed as embed_texts
from workers.engine.watch import Watch


def embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """The unit vectors of n texts, as lint compares them: shape (n, 384). Shows its progress on standard error."""
    with bars(Console(stderr=True)) as progress:
        bar = progress.add_task("Comparing the texts", total=len(texts))
        vectors = embed_texts(texts, Watch(on_event=reporter(progress, bar)))
        progress.update(bar, completed=len(texts))
    return np.asarray(vectors, dtype=np.float32)
