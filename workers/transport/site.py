"""What workers ask of the site: `workers.transport.beside` asks in this process, `workers.transport.http` by HTTPS."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, Protocol

from challenges.bundle import ChallengeBundle
from challenges.jobs import Item, Job, Outcome, StoredFile
from workers.sandbox.choosing import Choices

if TYPE_CHECKING:
    from workers.embedding_store import EmbeddedOnce
    from workers.execute import OnEvent, ShouldStop


@dataclass(frozen=True)
class Report:
    """What a worker says of itself. `lacks` has the reason of each training method that it cannot carry out, by
    `method/base model`; `busy_with` is the number of its job.
    """

    name: str
    lane: str
    device: str = ""
    profile: str = ""
    base_models: dict[str, str] = field(default_factory=dict)
    judge: str = ""
    problem: str = ""
    lacks: dict[str, str] = field(default_factory=dict)
    busy_with: int | None = None


class Judging(Protocol):
    """What the lane `judge` needs of the site, and only workers beside it have."""

    def of(self, job: Job) -> dict[str, Any]:
        """The fields of an assignment that only judged answers have: `calibrated`, `template` and `sources`."""

    def judge_for(self, job: Job, given: Any) -> Any:
        """The judge's client for this job, with its log of calls and its budget; `given` takes its place in tests."""

    def lint(self, job: Job, embedded: EmbeddedOnce, stop: ShouldStop) -> Outcome:
        """Lints a version; see `workers.transport.linting`."""

    def warm(self, embedded: EmbeddedOnce, on_event: OnEvent, stop: ShouldStop) -> None:
        """Embeds the gold answers of each current free-text question once."""


class Site(Protocol):
    """All calls raise what `is_away` knows where the site, its database or its store of files does not answer."""

    choices: Choices
    judging: Judging | None

    def name_of(self, lane: str) -> str:
        """The name of this machine's worker of the lane."""

    def claim(self, lane: str, worker: str, profile: str, without: Collection[str]) -> Job | None:
        """The next job of the lane, without those of the base models `without`; None if nothing waits."""

    def learner_waits(self, lane: str, profile: str, without: Collection[str]) -> bool:
        """Whether a job waits that a learner waits for, and that `claim` would give."""

    def renew(self, job: Job, worker: str) -> bool:
        """Extends the lease, and notes that the worker is alive. False if it must stop."""

    def append_events(self, job: Job, items: Sequence[Item]) -> None:
        """Appends events, or none where the lease was lost."""

    def bundle(self, job: Job) -> ChallengeBundle:
        """The content with its hidden rows. Raises `BundleMissing`."""

    def read(self, job: Job, file: StoredFile) -> IO[bytes]:
        """One of the files that the job names, open at its start. Raises FileNotFoundError."""

    def write(self, job: Job, what: str, content: IO[bytes]) -> str:
        """Stores the job's file of that kind (`RAW`, `ADAPTER` or `TRAINED`); returns its name at the site."""

    def keep_trained(self, job: Job, trained: dict[str, Any]) -> None:
        """Names a stored file for the next attempt at the job. Raises `LeaseLost`."""

    def record(self, job: Job, outcome: Outcome, last: Sequence[Item]) -> None:
        """Hands the grade in, with events that were not sent yet. Raises `LeaseLost`."""

    def reject(self, job: Job, code: str, result: dict[str, Any] | None) -> None:
        """Ends the job with an error. Raises `LeaseLost`."""

    def give_back(self, job: Job, *, broken: bool = False) -> bool:
        """Returns the job to the queue at once; the attempt does not count. False where the lease was lost."""

    def retry(self, job: Job, after_seconds: float) -> None:
        """Returns the job to the queue after a fault of ours; the attempt counts."""

    def postpone(self, job: Job, seconds: float, reason: str) -> None:
        """Returns the job to the queue for so many seconds; the attempt does not count. Raises `LeaseLost`."""

    def another_can(self, job: Job, worker: str) -> bool:
        """Whether another worker has the training method that this one lacks."""

    def others_at_work(self, job: Job, since: datetime) -> bool:
        """Whether another job runs on this machine, or has ended there since then."""

    def report(self, report: Report) -> None:
        """Updates what the site knows of the worker."""

    def other_weights(self, worker: str, held: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """The base models that a worker which reported before this one holds with another digest than in `held`: its
        name, and its digest.
        """

    def is_away(self, error: BaseException) -> bool:
        """Whether the error says that the site cannot be reached now."""

    def refusal(self, error: BaseException) -> str:
        """What staff should know of an error with which the site refuses this worker as a whole; "" of all others."""

    def hang_up(self) -> None:
        """Ends this thread's connection, which may be broken. The next call makes a new one."""
