"""Starts runs and names them. They cost no attempt and never write a score."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from challenges.payloads import Submitted
from gradus import retention
from gradus.accounts.models import User
from gradus.classes import access
from gradus.courses import preview
from gradus.courses.models import ChallengeVersion
from gradus.refusal import refuse_broken, too_long
from gradus.submissions import own_runs, purposes, queue
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import RUN_NAME_CHARS, Evaluation, Run, Slot
from gradus.submissions.services import workers
from gradus.submissions.services.payload import refuse
from gradus.submissions.services.purpose import Purpose, find


@dataclass(frozen=True)
class Repetition:
    """Which repetition (from 1) of which arm of which finding a run makes again."""

    finding: str
    arm: str
    repetition: int


class Trial(Purpose):
    """A learner's own run on public samples. Learners come back to their trials, so these are kept longer."""

    name = purposes.TRIAL
    kept = retention.TRIALS

    def parsed(self, user: User | None, version: ChallengeVersion, data: Any) -> Submitted:
        access.refuse_unless_seen(user, version.challenge)
        payload = super().parsed(user, version, data)
        if user is not None:
            refuse(list(own_runs.strange_quotes(user, version.challenge, payload)))
        workers.require(version.parsed, payload, self.lane(payload.kind))
        return payload


def start_run(
    user: User | None,
    version: ChallengeVersion,
    data: Any,
    *,
    purpose: str = purposes.TRIAL,
    inputs: Sequence[str] = (),
    adapter: str = "",
    label: str = "",
    repeats: Repetition | None = None,
) -> Run:
    """Queues a run. `inputs` (demo) replace the public samples.

    `repeats` goes with the purposes `finding` and `proof`, and with no other.

    Raises:
        Refused: 403 where the dates of a class do not show the challenge yet, 422 for a bad payload, rows that are
            not those of a run of the learner's own, or a method that no worker has, 429 where the learner has too many
            runs open.
    """
    wanted = find(purpose)
    payload = wanted.parsed(user, version, data)

    def once() -> Run:
        run = wanted.run(
            version,
            payload.kind,
            payload.model_dump(mode="json"),
            user=user,
            inputs=list(inputs),
            adapter=adapter,
            label=label,
            **(asdict(repeats) if repeats else {}),
        )
        run.save()
        if user is not None:
            slots.take(limits.OPEN_RUNS, Use(user=user), run=run)
        wanted.evaluation(run, open_before(user)).save()
        return run

    run = slots.try_again(once)
    queue.ring(wanted.lane(payload.kind))
    return run


def open_before(user: User | None) -> int:
    """Returns how many runs and chats of a learner were open before the one that has just taken its slot."""
    return Slot.objects.of(limits.OPEN_RUNS, limits.OPEN_CHATS).filter(user=user).count() - 1 if user else 0


def queue_checks(runs: Sequence[Run]) -> None:
    """Queues runs that verify versions, in this order and in the caller's transaction: all of a course at once.

    It takes no slot, because they are nobody's. Raises `Refused`, 409, in a preview.
    """
    if not runs:
        return
    preview.refuse()
    Run.objects.bulk_create(runs)
    evaluations = [find(run.purpose).evaluation(run) for run in runs]
    Evaluation.objects.bulk_create(evaluations)
    # A worker that has answered a bell rings again while there is more.
    for lane in dict.fromkeys(evaluation.lane for evaluation in evaluations):
        queue.ring_after_commit(lane)


def name_run(run: Run, name: str) -> None:
    """Gives a trial the name by which its learner finds it again, on one line; an empty name takes it away.

    Raises:
        Refused: 422 for a control character or more than `RUN_NAME_CHARS` characters.
    """
    refuse_broken("name", name)
    line = " ".join(name.split())
    if len(line) > RUN_NAME_CHARS:
        raise too_long("name", line, RUN_NAME_CHARS)
    run.name = line
    run.save(update_fields=["name"])
