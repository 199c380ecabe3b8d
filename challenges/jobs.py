"""The data that the site and its workers exchange: a `Job` is the work, and an `Outcome` is its result.

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
    """A learner's message to a trained model. If `is_plain`, it is put into the model's chat template."""

    text: str
    is_plain: bool


@dataclass(frozen=True)
class Job:
    """One evaluation that a worker has claimed. `fence` is the number of the claim.

    `purpose` is `submission`, or the purpose of a run. If `on_hidden_rows`, hidden rows are graded, else only public
    ones. If `is_whole`, the training is whole although only public rows are graded. If `gives_way`, nobody waits for
    the job, and it stops when a learner waits for the worker. `spec` is the challenge's `challenge.yaml` as JSON.
    `content` is the file with the challenge's rows, and `digest` is its digest. If `seed` is set, the training uses it
    in place of the challenge's. `draw` decides which of a learner's own choices are held out. `files` are those of an
    adapter that was trained before; `can_load` says whether a remote engine can load it, and is None without one.
    `trained` is what an earlier attempt at this job has kept. The lease lasts `lease_seconds` and is renewed every
    `beat_seconds`.
    """

    id: int
    fence: int
    attempt: int
    max_attempts: int
    lane: str
    purpose: str
    on_hidden_rows: bool
    is_whole: bool
    has_plain_metric: bool
    gives_way: bool
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

    @cached_property
    def of_kind(self) -> Kind:
        return kinds.find(self.kind)

    @property
    def is_submission(self) -> bool:
        return self.purpose == "submission"

    @property
    def is_rerun(self) -> bool:
        """True if staff run an attempt again. Its score never counts."""
        return self.purpose == "again"

    @property
    def is_baseline(self) -> bool:
        """True if a baseline is run to verify a challenge version."""
        return self.purpose == "baseline"

    @property
    def is_lint(self) -> bool:
        """True if a challenge version is linted. Nothing is graded."""
        return self.purpose == "lint"

    @property
    def is_chat(self) -> bool:
        return self.purpose == "chat"

    @property
    def is_trial(self) -> bool:
        return self.purpose == "trial"

    @property
    def is_measurement(self) -> bool:
        """True if costs are measured. The training is whole, and public rows are answered several times."""
        return self.purpose == "costs"

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
