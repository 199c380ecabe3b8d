"""What a run is for, as a class: which runs it makes, where they wait, what a worker gets, and what happens at the end.

Each purpose lies in the room that owns it, and `gradus.submissions.purposes` names it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from django.utils import timezone
from django.utils.module_loading import import_string

from challenges.jobs import Outcome
from challenges.kinds.base import Lane
from challenges.payloads import Submitted
from gradus import retention
from gradus.accounts.models import User
from gradus.courses.models import ChallengeVersion
from gradus.submissions import purposes, queue
from gradus.submissions.models import Evaluation, Run, Submission
from gradus.submissions.services.payload import parse


class Purpose:
    """What runs are for.

    `kept` is how long they are kept. Where nobody waits for them (`is_awaited` is False), learners' work is claimed
    first and interrupts them. Those that `verify` a version lock its course before their result is stored, and end
    when nobody needs the version any more. Staff do not see the result of one that `is_private`. The other flags go
    to the worker as fields of the `Job`.
    """

    name: ClassVar[str] = ""
    kept: ClassVar[retention.Kept] = retention.OTHER_RUNS
    is_awaited: ClassVar[bool] = True
    verifies: ClassVar[bool] = False
    is_private: ClassVar[bool] = False
    on_hidden_rows: ClassVar[bool] = False
    is_whole: ClassVar[bool] = False
    has_plain_metric: ClassVar[bool] = False

    def lane(self, kind: str) -> Lane:
        """Returns the lane in which a run of this kind waits."""
        return Lane.INTERACTIVE

    def rank(self, open_before: int) -> int:
        """Returns the rank in the queue, the lowest first, for a learner who has so many runs open already."""
        return open_before if self.is_awaited else queue.VERIFICATION_RANK

    def parsed(self, user: User | None, version: ChallengeVersion, data: Any) -> Submitted:
        """Returns the payload that somebody wants to run. Raises `Refused` where that cannot be."""
        return parse(version.parsed, data, public=version.samples)

    def run(self, version: ChallengeVersion, kind: str, payload: Any, **values: Any) -> Run:
        """Returns a run that is not stored yet."""
        expires_at = timezone.now() + self.kept.time
        return Run(purpose=self.name, version=version, kind=kind, payload=payload, expires_at=expires_at, **values)

    def evaluation(self, run: Run, open_before: int = 0) -> Evaluation:
        """Returns the evaluation with which a stored run waits; it is not stored yet."""
        return Evaluation(run=run, lane=self.lane(run.kind), fair_share_rank=self.rank(open_before))

    def graded(self, evaluation: Evaluation) -> Submission | Run:
        """Returns what has the payload."""
        assert evaluation.run is not None
        return evaluation.run

    def load(self, run: Run) -> dict[str, Any]:
        """Returns the fields of a worker's `Job` that are different for this run."""
        return {}

    def checked(self, outcome: Outcome) -> Outcome:
        """Returns what an untrusted worker has handed in. Raises pydantic's `ValidationError` for bad notes."""
        return outcome

    def recorded(self, evaluation: Evaluation, outcome: Outcome) -> None:
        """Reacts to a result, in the transaction that stores it."""

    def closed(self, evaluation: Evaluation) -> None:
        """Reacts to the end of a run that has no result, in the transaction that stores it."""


class Attempt(Purpose):
    """What an evaluation of a submission is for. No run has this purpose."""

    name = "submission"
    on_hidden_rows = True

    def graded(self, evaluation: Evaluation) -> Submission:
        assert evaluation.submission is not None
        return evaluation.submission


@cache
def find(name: str) -> Purpose:
    """Returns the purpose of runs that is called `name`. Raises KeyError if none is."""
    purpose: Purpose = import_string(purposes.PURPOSES[name])()
    return purpose


def of(evaluation: Evaluation) -> Purpose:
    """Returns what an evaluation is for. A run that a later release has left is for nothing in particular."""
    run = evaluation.run
    if run is None:
        return Attempt()
    return find(run.purpose) if run.purpose in purposes.PURPOSES else Purpose()


@cache
def verifying() -> tuple[str, ...]:
    """Returns the names of the purposes that verify a version."""
    return tuple(name for name in purposes.PURPOSES if find(name).verifies)


def on_recorded(sender: object, evaluation: Evaluation, outcome: Outcome, **extra: Any) -> None:
    of(evaluation).recorded(evaluation, outcome)


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    of(evaluation).closed(evaluation)
