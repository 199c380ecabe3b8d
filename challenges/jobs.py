"""What a worker is given to do and what it hands in: the one shape that the site and all its workers share.

The site makes a `Job` of an evaluation (`gradus.fleet.jobs`). A worker beside the site takes it as it is, one on
another machine as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.kinds import registry as kinds
from challenges.kinds.base import Kind
from challenges.spec import Challenge

# An event: its type and its data.
Item = tuple[str, dict[str, Any]]
# What a worker stores of a job: the hidden rows of a submission, what was trained for its learner, and what was trained
# where grading ran out of time.
RAW, ADAPTER, TRAINED = "raw", "adapter", "trained"
# How long a worker keeps embeddings that nobody has asked for.
VECTORS_KEPT = timedelta(days=30)


class LeaseLost(Exception):
    """The fence is no longer current: another worker has this evaluation. Nothing was written."""


class BundleMissing(Exception):
    """The database names a bundle that is missing from private storage."""


@dataclass(frozen=True)
class StoredFile:
    """A file that a job reads: its store at the site, and its name there."""

    store: str
    name: str


@dataclass(frozen=True)
class ChatTurn:
    """What a learner asks a model that was trained before. `is_plain`: by the model's own chat template."""

    text: str
    is_plain: bool


@dataclass(frozen=True)
class Job:
    """One evaluation as its worker sees it, under the `fence` of its claim.

    `purpose` is that of a run, or `submission`. `spec` is the challenge's, and `content` names the file with its rows,
    whose digest is `digest`. `seed` takes the place of the challenge's where a training is repeated. `draw` is by what
    a learner's own choices are held out. `files` are those of an adapter that was trained before, and `can_load` says
    whether a remote engine can load it; None where nothing of that kind is asked. `trained` is what an earlier attempt
    has kept. Times are in seconds.
    """

    id: int
    fence: int
    attempt: int
    max_attempts: int
    lane: str
    purpose: str
    kind: str
    payload: dict[str, Any]
    spec: dict[str, Any]
    digest: str
    content: StoredFile
    lease_seconds: float
    beat_seconds: float
    inputs: tuple[str, ...] = ()
    seed: int | None = None
    draw: str = ""
    files: tuple[StoredFile, ...] = ()
    can_load: bool | None = None
    chat: ChatTurn | None = None
    trained: dict[str, Any] | None = None
    keeps_checkpoints: bool = False

    @cached_property
    def challenge(self) -> Challenge:
        return Challenge.model_validate(self.spec)

    @property
    def of_kind(self) -> Kind:
        return kinds.find(self.kind)

    @property
    def is_submission(self) -> bool:
        return self.purpose == "submission"

    @property
    def is_rerun(self) -> bool:
        """Whether it grades an attempt that staff run again, so that its score never counts."""
        return self.purpose == "again"

    @property
    def is_baseline(self) -> bool:
        """Whether it runs a baseline to verify a challenge version."""
        return self.purpose == "baseline"

    @property
    def is_lint(self) -> bool:
        """Whether it lints a challenge version, so that nothing is graded."""
        return self.purpose == "lint"

    @property
    def is_chat(self) -> bool:
        return self.purpose == "chat"

    @property
    def is_trial(self) -> bool:
        return self.purpose == "trial"

    @property
    def is_measurement(self) -> bool:
        """Whether it measures costs: training is then whole, and public rows are answered several times."""
        return self.purpose == "costs"

    @property
    def is_whole(self) -> bool:
        """Whether training is whole although only public rows are graded."""
        return self.is_measurement or self.purpose == "proof"

    @property
    def has_plain_metric(self) -> bool:
        return self.purpose in ("finding", "proof")

    @property
    def on_hidden_rows(self) -> bool:
        """Whether hidden rows are graded: for a submission, also one that staff run again, and for a baseline."""
        return self.is_submission or self.is_baseline or self.is_rerun

    @property
    def gives_way(self) -> bool:
        """Whether nobody waits for it, so that it stops for a learner who waits."""
        return self.purpose in ("lint", "baseline", "proof", "again", "costs")

    def bundle(self, content: ChallengeBundle) -> ChallengeBundle:
        """The content as this job grades it."""
        bundle = content.with_plain_metric() if self.has_plain_metric else content
        return bundle if self.seed is None else bundle.with_seed(self.seed)


@dataclass(frozen=True)
class Outcome:
    """What a worker found out about a submission or a run. `result` is what the learner may see.

    Scores are in [0, 1]. A trial or a demo has no score, nor has an answer that only a person can mark. The score of a
    baseline is stored with the version instead of in a row of scores. `raw` and `artifact` name files in the site's
    stores. `judge` is the model and the template of the judge that gave the marks, if there was one. `overlap` counts
    the hidden samples that the payload contains; only staff can see it. `rows` has, by the id of a hidden row, its
    score in [0, 1] and the answer where that is wrong; only editors and owners of the course see it. `engine_choice` is
    the digest of the choice with which a runner computed the base model, or "" if no runner did.
    """

    result: dict[str, Any]
    score: float | None = None
    private_score: float | None = None
    provisional: bool = False
    review: tuple[str, ...] = ()
    grader_version: str = ""
    raw: str = ""
    artifact: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    judge: tuple[str, str] | None = None
    overlap: int = 0
    engine_choice: str = ""
    rows: Mapping[str, tuple[float, str]] = field(default_factory=dict)

    @property
    def unsettled(self) -> bool:
        """True if a person has to review the grade."""
        return self.provisional or bool(self.review)
