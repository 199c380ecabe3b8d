"""The real runner, confined as always, with an engine that loads no torch: it starts in half a second.

For tests of the process itself: of its end, its limits and its files. What is computed in it is not the point there.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from graders.base import Score, Scored, Train, Trained
from workers.engine.choice import DEFAULT, Choice
from workers.engine.watch import Watch
from workers.sandbox import adapter_files, runner

STEP_SECONDS = 0.01


class Light:
    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def choose(self, model: str, watch: Watch, *, allow_bf16: bool) -> Choice:
        return DEFAULT

    def rest(self) -> None:
        """It holds nothing."""

    def run(
        self, item: Score | Train, watch: Watch, choice: Choice = DEFAULT,
        training_within: AbstractContextManager[Any] | None = None,
    ) -> Scored | Trained:  # fmt: skip
        if isinstance(item, Train):
            return self._train(item, watch)
        watch.progress(item.stage, 0, len(item.suffixes))
        rows = [[-float(len(suffix) + len(label)) for label in item.labels] for suffix in item.suffixes]
        return Scored(rows, [1] * len(rows), 0.0)

    def _train(self, item: Train, watch: Watch) -> Trained:
        """One step an epoch, in each of which it computes for a moment."""
        for step in range(1, item.num_train_epochs + 1):
            end = time.process_time() + STEP_SECONDS
            while time.process_time() < end:
                watch.check()
            watch.loss(step, item.num_train_epochs, 1.0, None, STEP_SECONDS, {})
        folder = Path(tempfile.mkdtemp(prefix="adapter-", dir=self.scratch))
        for name in adapter_files.NAMES:
            (folder / name).write_text("{}")
        folder.chmod(0o755)
        return Trained(str(folder), item.num_train_epochs, 1.0, None, 0.1, 4, 1, 1.0)


if __name__ == "__main__":
    with patch.object(runner, "_session", lambda options: Light(options.scratch)):
        raise SystemExit(runner.main())
