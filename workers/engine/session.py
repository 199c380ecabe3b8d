"""What a runner holds between jobs: one base model, the adapted copy that was used last, and shared prompts' keys."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

from graders.base import Generate, Generated, Rejected, Score, Scored, Train, Trained
from workers.engine import generation, memory, models, plain, scoring, timer
from workers.engine.choice import DEFAULT, Choice, only_plain
from workers.engine.kernels import Kernels, products
from workers.engine.prompts import Prefixes
from workers.engine.tuning import adapters, checkpoints, quantised, training
from workers.engine.tuning.training import Fit
from workers.engine.watch import Watch

EngineItem = Score | Generate | Train
EngineResult = Scored | Generated | Trained


@dataclass(frozen=True)
class Adapted:
    """A base's copy with one adapter merged into it, or with trained weights in the place of its own."""

    model: Any

    @cached_property
    def screening_copy(self) -> Any:
        """The model for the screening pass over labels, made on first use."""
        return models.screening_copy_of(self.model)


class Session:
    """Carries out work items. `adapter` of an item is a folder; what was trained is put under `scratch`.

    `dtype` is that of training, whose steps `fit` makes; what labels are scored in is part of an item's choice.
    """

    def __init__(
        self, models_dir: Path, scratch: Path, *, device: str = "cpu", dtype: str = "float32", fit: Fit = training.fit
    ) -> None:
        self.models_dir, self.scratch, self._fit = models_dir, scratch, fit
        self.device, self.trains_in_bf16 = device, dtype == "bfloat16"
        self._base: models.Base | None = None
        self._adapted: tuple[tuple[str, str], Adapted] | None = None
        self._prefixes = Prefixes()

    def run(
        self,
        item: EngineItem,
        watch: Watch,
        choice: Choice = DEFAULT,
        *,
        training_within: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> EngineResult:
        """Carries out a work item. A training run happens within a context of its own, in which nothing else does.

        Raises `Rejected` for the learner's fault, `Stopped`, `FileNotFoundError` where a model is missing."""
        try:
            return self._run(item, watch, choice, training_within)
        except (MemoryError, RuntimeError) as error:
            if memory.ran_out(error):
                raise Rejected("out_of_memory") from error
            raise

    def choose(self, name: str, watch: Watch, *, allow_bf16: bool = True) -> Choice:
        """The fastest way for the base model `name` on this machine, by a few seconds of trial work.

        A first pass over labels in bf16 is tried with `allow_bf16`.
        """
        return timer.choose(self.base(name), watch, allow_bf16=allow_bf16)

    def rest(self) -> None:
        """Lets go of the copy with an adapter in it, which is as large as the base and is made again in a moment."""
        self._adapted = None

    def _run(
        self, item: EngineItem, watch: Watch, choice: Choice, within: Callable[[], AbstractContextManager[None]]
    ) -> EngineResult:
        base = self.base(item.model)
        if isinstance(item, Train):
            self.rest()
            with self._room(base, item.method), within():
                folder = self.scratch / f"adapter-{uuid4().hex}"
                return training.train(base, item, folder, watch, bf16=self.trains_in_bf16, fit=self._fit)
        weights = base if item.adapter is None else self._with_adapter(base, item.adapter)
        if not base.split:
            return plain.answer(base, weights.model, item, watch)
        kernels = Kernels.of(choice, base.device.type)
        products.use(weights.model, onednn=kernels.onednn)
        if isinstance(item, Generate):
            return generation.generate(base, weights.model, item, watch, kernels=kernels, prefixes=self._prefixes)
        screening_copy = (
            weights.screening_copy if choice.dtype == "bfloat16" and not (item.exact or only_plain()) else None
        )
        return scoring.score(
            base, weights.model, item, watch, screening_copy=screening_copy, kernels=kernels, prefixes=self._prefixes
        )

    def base(self, name: str) -> models.Base:
        """The base model `name`, loaded on first use; one is held at a time."""
        if self._base is None or self._base.name != name:
            self._base = self._adapted = None
            self._base = plain.load_checked(self._folder(name), self.device)
        return self._base

    def _folder(self, name: str) -> Path:
        return self.models_dir / Path(name).name

    @contextmanager
    def _room(self, base: models.Base, method: str) -> Iterator[None]:
        """While QLoRA trains, only the weights in 4 bits are held, and then the base as it was."""
        if method != "qlora":
            yield
            return
        # Whatever goes wrong meanwhile, no item is answered by a base without weights: it is loaded anew.
        self._base = None
        with quantised.only_4_bit_weights(base, self._folder(base.name)):
            yield
        self._base = base

    def _with_adapter(self, base: models.Base, adapter: str) -> Adapted:
        """A copy of the base with the adapter in it or with trained weights, found again by the digest of the files."""
        folder, digest = Path(adapter), hashlib.sha256()
        for file in sorted(folder.iterdir()):
            digest.update(file.name.encode() + file.read_bytes())
        key = (base.name, digest.hexdigest())
        if self._adapted is None or self._adapted[0] != key:
            self._adapted = None
            is_whole = (folder / checkpoints.WEIGHTS).is_file()
            self._adapted = (key, Adapted((checkpoints.load if is_whole else adapters.merged)(base, folder)))
        return self._adapted[1]
