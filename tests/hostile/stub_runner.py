"""The real runner process with a stub engine for every work item; only this package starts it."""

from __future__ import annotations

import math
from argparse import Namespace
from pathlib import Path
from typing import Any

from graders.base import Embed, Embedded, Generate, Generated, Rejected, Score, Scored, Train, Trained
from workers.engine.choice import DEFAULT, Choice
from workers.sandbox import runner

LONGEST = 20_000


class Stub:
    """An engine that refuses prompts that are too long, and otherwise answers with the first label or `{}`."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch

    def choose(self, model: str, watch: Any, *, allow_bf16: bool) -> Choice:
        return DEFAULT

    def base(self, model: str) -> None:
        """It has none."""

    def rest(self) -> None:
        """It holds nothing."""

    def run(self, item: Any, watch: Any, choice: Choice = DEFAULT, **_: Any) -> Any:
        if isinstance(item, Train):
            return self.train(item)
        assert isinstance(item, Score | Generate)
        if len(item.prompt) > LONGEST:
            raise Rejected("prompt_too_long")
        count = [1] * len(item.suffixes)
        if isinstance(item, Generate):
            return Generated(["{}"] * len(count), count, count, 0.0)
        row = [math.log(0.9), *[math.log(0.1)] * (len(item.labels) - 1)]
        return Scored([row for _ in count], count, 0.0)

    def train(self, item: Train) -> Trained:
        folder = self.scratch / "adapter-stub"
        folder.mkdir()
        (folder / "adapter_config.json").write_text("{}")
        (folder / "adapter_model.safetensors").write_bytes(b"")
        return Trained(str(folder), 1, 0.5, None, 0.01, 0, len(item.rows), 0.0)


def embed(item: Embed, watch: Any) -> Embedded:
    return Embedded([[1.0, 0.0] for _ in item.texts])


def session(options: Namespace) -> Any:
    return Stub(options.scratch)


if __name__ == "__main__":
    runner._session = session
    runner._embed = embed
    raise SystemExit(runner.main())
