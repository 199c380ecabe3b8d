"""Lints a challenge version on a worker, which has the embeddings and the tokenizers that the web server may lack."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from challenges.distribution import install
from challenges.jobs import Outcome
from challenges.kinds import registry as kinds
from challenges.lint.similarity import similarity
from challenges.lint.stored import inspect_stored
from challenges.models.catalogue import EMBEDDINGS_MODULE, EMBEDDINGS_PACKAGE
from graders.base import Embed
from gradus.courses import arms, bundles
from gradus.courses.models import ChallengeVersion
from gradus.submissions import failpoints
from workers.execute import Running, ShouldStop
from workers.remote.calls import EngineMisconfigured
from workers.sandbox.supervisor import Stopped

# Seconds of work for all texts of a challenge. On two busy cores 765 rows with the arms beside them took 52.
SECONDS = 1800.0
# Texts of one message to the runner, which other threads of the lane share: a learner waits for one message at most.
PART = 32


def lint(
    version: ChallengeVersion, runner: Running, stop: ShouldStop, worked: Callable[[], float] = time.monotonic
) -> Outcome:
    """Everything that must be corrected in the version, as the outcome's notes; its messages quote no row.

    `worked` is the clock of the runner's work.

    Raises:
        BundleMissing: private storage lacks the content.
        EngineMisconfigured: this worker lacks the embedding model or a tokenizer. Another one may have it.
        Stopped: `stop` returned true.
    """
    failpoints.reach("grade.started")
    beside = arms.of(version)
    _expect_embeddings(version.parsed.kind)
    embed = _Embed(runner, stop, worked)
    found = inspect_stored(bundles.load(version), beside, lambda bundle: similarity(bundle, embed))
    if found.not_checked:
        raise EngineMisconfigured(
            f"This worker cannot check {', '.join(found.not_checked)}. "
            f"Run `manage.py fetch_models {version.parsed.model}` on its machine."
        )
    return Outcome(result={}, notes={"problems": found.problems, "arms": arms.digest_of(beside)})


def _expect_embeddings(kind: str) -> None:
    if kinds.find(kind).has_samples and find_spec(EMBEDDINGS_MODULE) is None:
        raise EngineMisconfigured(
            f"`{EMBEDDINGS_PACKAGE}` cannot be imported on this worker, so it cannot look for near-duplicates. "
            f"Run: {install('worker')}, and restart the workers."
        )


class _Embed:
    """Embeds texts on the runner, some at a time, within `SECONDS` of work in all."""

    def __init__(self, runner: Running, stop: ShouldStop, worked: Callable[[], float]) -> None:
        self.runner, self.stop, self.worked = runner, stop, worked
        self.end = worked() + SECONDS

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), PART):
            if self.stop():
                raise Stopped
            vectors += self._part(tuple(texts[start : start + PART]))
        return vectors

    def _part(self, texts: tuple[str, ...]) -> list[list[float]]:
        how: dict[str, Any] = {"on_event": lambda event: None, "should_stop": self.stop}
        result: list[list[float]] = self.runner.run(Embed(texts), seconds=self.end - self.worked(), **how).vectors
        return result
