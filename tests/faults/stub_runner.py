"""The real runner with a stub engine, whose answers depend only on the text: a repeated job gets the same score.

Certain words in a prompt make it misbehave. Only this package starts it, in the place of `workers.sandbox.runner`.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import time

from graders.base import Embed, Embedded, Rejected, Score, Scored
from workers.engine.choice import DEFAULT, Choice
from workers.engine.watch import Watch
from workers.sandbox import runner

SLOW_SECONDS = 1.5


class Stub:
    def choose(self, model: str, watch: Watch, *, allow_bf16: bool) -> Choice:
        return DEFAULT

    def rest(self) -> None:
        """It holds nothing."""

    def run(self, item: Score, watch: Watch, choice: Choice) -> Scored:
        watch.progress(item.stage, 0, len(item.suffixes))
        misbehave(item.prompt, watch)
        rows = [[logprob(item.prompt, suffix, label) for label in item.labels] for suffix in item.suffixes]
        return Scored(rows, [1] * len(rows), 0.0)


def logprob(*texts: str) -> float:
    """A log-probability from ln 0.1 to ln 0.9, derived from a digest of the texts."""
    byte = hashlib.sha256("\0".join(texts).encode()).digest()[0]
    return math.log(0.1 + 0.8 * byte / 255)


def misbehave(prompt: str, watch: Watch) -> None:
    if "poison" in prompt:
        os._exit(9)
    if "diverge" in prompt:
        raise Rejected("diverged")
    if "hang" in prompt:
        time.sleep(3600)
    if "slow" in prompt:
        end = time.monotonic() + SLOW_SECONDS
        while time.monotonic() < end:
            watch.check()
            time.sleep(0.02)


def embed(item: Embed, watch: Watch) -> Embedded:
    """Each text has an axis of its own, up to its digest, so that no two are alike."""
    axes = [int(hashlib.sha256(text.encode()).hexdigest(), 16) % 997 for text in item.texts]
    return Embedded([[float(axis == place) for place in range(997)] for axis in axes])


def session(options: argparse.Namespace) -> Stub:
    """The stub engine; a runner whose worker `Harness.break_runners` has chosen cannot start."""
    if (options.models_dir / f"broken-{options.parent}").exists():
        raise SystemExit(7)
    return Stub()


if __name__ == "__main__":
    runner._session = session  # type: ignore[assignment]
    runner._embed = embed
    raise SystemExit(runner.main())
