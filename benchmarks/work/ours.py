"""Our engine as a site drives it: a runner's process, which answers work items. What is measured is what grades."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import PeftModel

from benchmarks.peers.job import BFLOAT16
from graders.base import Generate, Score, Scored, Train
from workers.engine import model_files, models
from workers.engine.choice import DEFAULT, PLAIN, Choice, Place, only_plain
from workers.engine.models import Base
from workers.engine.session import Session
from workers.engine.tuning import objectives, training
from workers.engine.watch import Watch
from workers.sandbox.choosing import FileChoices
from workers.sandbox.supervisor import Runner

SECONDS = 3600.0


@dataclass(frozen=True)
class Answered:
    """Seconds and answers: label log-probabilities (nats) or texts."""

    seconds: float
    answers: list[Any]


@dataclass(frozen=True)
class Setup:
    """Our engine on one device, with so many threads, for rows of `dtype`.

    For answers in `bfloat16` the engine picks what is faster, in `float32` it never rounds; training has a base of
    `dtype`.
    """

    models_dir: Path
    dtype: str
    threads: int
    device: str = "cpu"

    @property
    def choices(self) -> FileChoices:
        """Where the engine's choices are kept: those that may round apart from those that may not."""
        return FileChoices(model_files.data_dir() / f"choices-{self.dtype}.json")

    def choice(self, model: str) -> Choice:
        """Returns the engine's choice, which is kept once a runner has answered; until then the default."""
        if only_plain():
            return PLAIN
        return self.choices.find(Place.of(self.models_dir, model, self.threads, self.device)) or DEFAULT

    @contextmanager
    def started(self) -> Iterator[Runner]:
        """A new runner for each figure: an older one keeps keys and values of prompts that may begin this one's."""
        engine = Runner(
            models_dir=self.models_dir,
            device=self.device,
            dtype=self.dtype,
            threads=self.threads,
            choices=self.choices,
            allow_bf16=self.dtype == BFLOAT16,
        )
        try:
            yield engine
        finally:
            engine.close()

    def session(self) -> Session:
        """The runner's own, in this process."""
        return Session(self.models_dir, Path(tempfile.gettempdir()), device=self.device, dtype=self.dtype)

    def answer(self, item: Score | Generate, warm: Score | Generate) -> Answered:
        """Warms up on other rows; then the time from texts to answers: tokenising and the way to the runner count."""
        seconds, found = self.timed(item, warm)
        return Answered(seconds, found.logprobs if isinstance(found, Scored) else found.texts)

    def timed(self, item: Score | Generate | Train, warm: Score | Generate | Train) -> tuple[float, Any]:
        """Seconds and outcome of one item in a new runner that has warmed up."""
        with self.started() as engine:
            run(engine, warm)
            return run(engine, item)


def run(engine: Runner, item: Score | Generate | Train) -> tuple[float, Any]:
    """Seconds of one item, and its outcome."""
    started = time.perf_counter()
    outcome = engine.run(item, on_event=lambda event: None, should_stop=lambda: False, seconds=SECONDS)
    return time.perf_counter() - started, outcome


def adapter_loss(base: Base, adapter: Path, item: Train) -> float:
    """The engine's own evaluation of a saved adapter on the held-out rows, in nats; the oracle checks it."""
    model = PeftModel.from_pretrained(models.shared(base.model), str(adapter)).eval()
    return training.evaluate(
        base, model, objectives.Completions(), objectives.examples(base, item.valid, item.row_tokens_max), Watch()
    )[0]
