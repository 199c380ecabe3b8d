"""The real runner with an engine whose measurements depend on the model's name; `test_choosing.py` starts it.

A scored row holds the number of tokens of the choice by which it was "computed", so that a test sees what arrived.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, replace
from typing import Any

from graders.base import Embedded, Rejected, Score, Scored
from workers.engine.choice import DEFAULT, Choice
from workers.engine.watch import Watch
from workers.sandbox import runner

MEASURED = replace(DEFAULT, call_tokens=2048, timings={"flash, linear": 0.25})
LONG_SECONDS = 2.0


class Answer:
    """What `Choice.as_json` is asked for, with any content."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def as_json(self) -> Any:
        return self.content


class Measuring:
    def choose(self, model: str, watch: Watch, *, allow_bf16: bool) -> Any:
        match model:
            case "endless":
                while True:
                    watch.progress("choose", 0, 1)
                    time.sleep(0.02)
            case "deaf":
                time.sleep(3600)
            case "long":
                time.sleep(LONG_SECONDS)
            case "missing":
                raise FileNotFoundError(model)
            case "large":
                raise Rejected("out_of_memory")
            case "dies":
                os._exit(9)
            case "wrong":
                return Answer({"attention": "guessed"})
            case "bf16":
                return Answer({**asdict(MEASURED), "dtype": "bfloat16"})
        return replace(MEASURED, call_tokens=MEASURED.call_tokens if allow_bf16 else 512)

    def rest(self) -> None:
        """It holds nothing."""

    def run(self, item: Score, watch: Watch, choice: Choice) -> Scored:
        watch.progress("s", 0, 1)
        return Scored([[-float(choice.call_tokens), float(choice.attention == "flash")]], [1], 0.0)


if __name__ == "__main__":
    runner._embed = lambda item, watch: Embedded([[float(os.environ.get("GRADUS_ENGINE") == "plain")]])
    runner._session = lambda options: Measuring()  # type: ignore[assignment,return-value]
    raise SystemExit(runner.main())
