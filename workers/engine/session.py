"""What a runner holds between jobs: one base model, and the adapted copy that was used last."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any
from uuid import uuid4

from graders.base import Embed, Embedded, Generate, Generated, Rejected, Score, Scored, Train, Trained
from workers.engine import adapters, embeddings, generation, lora, models, scoring
from workers.engine.watch import Watch

EngineItem = Score | Generate | Train | Embed
EngineResult = Scored | Generated | Trained | Embedded


class Session:
    """Carries out work items. `adapter` of an item is a folder; a trained adapter is put under `scratch`."""

    def __init__(self, models_dir: Path, scratch: Path) -> None:
        self.models_dir = models_dir
        self.scratch = scratch
        self._base: models.Base | None = None
        self._adapted: tuple[tuple[str, str], Any] | None = None

    def run(self, item: EngineItem, watch: Watch) -> EngineResult:
        """Raises `Rejected` for the learner's fault, `Stopped`, `FileNotFoundError` where a model is missing."""
        try:
            return self._run(item, watch)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "allocate memory" in str(error) or "out of memory" in str(error):
                raise Rejected("out_of_memory") from error
            raise

    def _run(self, item: EngineItem, watch: Watch) -> EngineResult:
        if isinstance(item, Embed):
            return Embedded(embeddings.embed(item.texts, watch, item.stage))
        base = self.base(item.model)
        if isinstance(item, Train):
            self._adapted = None
            return lora.train(base, item, self.scratch / f"adapter-{uuid4().hex}", watch)
        model = self._model(base, item.adapter)
        if isinstance(item, Score):
            return scoring.score(base, model, item, watch)
        return generation.generate(base, model, item, watch)

    def base(self, name: str) -> models.Base:
        """The base model `name`, loaded on first use; one is held at a time."""
        if self._base is None or self._base.name != name:
            self._base = self._adapted = None
            self._base = models.load(self.models_dir / Path(name).name)
        return self._base

    def _model(self, base: models.Base, adapter: str | None) -> Any:
        """The base itself, or a copy with the adapter in it, found again by the digest of its weights."""
        if adapter is None:
            return base.model
        folder = Path(adapter)
        weights = (folder / adapters.WEIGHTS).read_bytes() + (folder / adapters.CONFIG).read_bytes()
        key = (base.name, hashlib.sha256(weights).hexdigest())
        if self._adapted is None or self._adapted[0] != key:
            self._adapted = None
            self._adapted = (key, adapters.merged(base, folder))
        return self._adapted[1]
