"""What a runner holds between jobs: one base model, the adapted copy that was used last, and shared prompts' keys."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from graders.base import Embed, Embedded, Generate, Generated, Rejected, Score, Scored, Train, Trained
from workers.engine import adapters, embeddings, generation, lora, memory, models, plain, probe, scoring
from workers.engine.choice import DEFAULT, Choice
from workers.engine.prompts import Prefixes
from workers.engine.watch import Watch

EngineItem = Score | Generate | Train | Embed
EngineResult = Scored | Generated | Trained | Embedded


@dataclass(frozen=True)
class Adapted:
    """A base's copy with one adapter merged into it."""

    model: Any

    @cached_property
    def rounded(self) -> Any:
        """The same weights for a first look, made on first use."""
        return models.rounded(self.model)


class Session:
    """Carries out work items. `adapter` of an item is a folder; a trained adapter is put under `scratch`.

    `dtype` is `float32`, or `bfloat16` for training with bf16 products and for first looks at labels and
    tokens in bf16.
    """

    def __init__(self, models_dir: Path, scratch: Path, *, device: str = "cpu", dtype: str = "float32") -> None:
        self.models_dir = models_dir
        self.scratch = scratch
        self.device, self.low = device, dtype == "bfloat16"
        self._base: models.Base | None = None
        self._adapted: tuple[tuple[str, str], Adapted] | None = None
        self._by_hand: bool | None = None
        self._prefixes = Prefixes()

    def choose(self, model: str, watch: Watch, *, rounded: bool = True) -> Choice:
        """Loads the base model; this engine has one way of computing it."""
        self.base(model)
        return DEFAULT

    def run(self, item: EngineItem, watch: Watch, choice: Choice = DEFAULT) -> EngineResult:
        """Raises `Rejected` for the learner's fault, `Stopped`, `FileNotFoundError` where a model is missing."""
        try:
            return self._run(item, watch)
        except (MemoryError, RuntimeError) as error:
            if memory.ran_out(error):
                raise Rejected("out_of_memory") from error
            raise

    def _run(self, item: EngineItem, watch: Watch) -> EngineResult:
        if isinstance(item, Embed):
            return Embedded(embeddings.embed(item.texts, watch, item.stage))
        base = self.base(item.model)
        if isinstance(item, Train):
            self._adapted = None
            folder = self.scratch / f"adapter-{uuid4().hex}"
            if self._by_hand is None:
                self._by_hand = probe.by_hand(base, low=self.low)
            return lora.train(base, item, folder, watch, low=self.low, by_hand=self._by_hand)
        weights = base if item.adapter is None else self._with_adapter(base, item.adapter)
        if not base.split:
            return plain.answer(base, weights.model, item, watch)
        if isinstance(item, Score):
            rounded = weights.rounded if self.low and not item.exact else None
            return scoring.score(base, weights.model, item, watch, rounded=rounded, prefixes=self._prefixes)
        head = base.quick_head if self.low and not item.schema else None
        return generation.generate(base, weights.model, item, watch, head=head, prefixes=self._prefixes)

    def base(self, name: str) -> models.Base:
        """The base model `name`, loaded on first use; one is held at a time."""
        if self._base is None or self._base.name != name:
            self._base = self._adapted = self._by_hand = None
            self._base = probe.load(self.models_dir / Path(name).name, self.device)
        return self._base

    def _with_adapter(self, base: models.Base, adapter: str) -> Adapted:
        """A copy of the base with the adapter in it, found again by the digest of its weights."""
        folder = Path(adapter)
        weights = (folder / adapters.WEIGHTS).read_bytes() + (folder / adapters.CONFIG).read_bytes()
        key = (base.name, hashlib.sha256(weights).hexdigest())
        if self._adapted is None or self._adapted[0] != key:
            self._adapted = None
            self._adapted = (key, Adapted(adapters.merged(base, folder)))
        return self._adapted[1]
