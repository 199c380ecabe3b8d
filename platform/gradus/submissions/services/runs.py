"""Runs: trials on public samples, the demo, findings, baselines, chats, and measurements of what a request costs.

They cost no attempt and never write a score. A measurement is a run on public rows in the lane of training runs, so
that all methods are timed by the same kind of worker. It is claimed last of all, and only while nothing else runs in
the lane.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import IntegrityError
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.bundle import Baseline
from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from gradus import retention
from gradus.accounts.models import User
from gradus.classes import access
from gradus.courses import bundles, preview
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.refusal import Refused, refuse_broken, too_long
from gradus.submissions import limits, own_runs, queue
from gradus.submissions.limits import Use
from gradus.submissions.models import RUN_NAME_CHARS, Evaluation, Run, Slot, Submission
from gradus.submissions.services import slots, workers
from gradus.submissions.services.payload import parse, refuse
from gradus.submissions.states import OPEN

# What verifies a version, not stored yet, and the lane in which it waits.
Check = tuple[Run, Lane]


@dataclass(frozen=True)
class Repetition:
    """Which repetition (from 1) of which arm of which finding a run makes again."""

    finding: str
    arm: str
    repetition: int


def start_run(
    user: User | None,
    version: ChallengeVersion,
    data: Any,
    *,
    purpose: str = Run.Purpose.TRIAL,
    inputs: Sequence[str] = (),
    adapter: str = "",
    label: str = "",
    repeats: Repetition | None = None,
) -> Run:
    """Queues a run. `inputs` (demo) replace the public samples. What verifies a version runs in the lane of its kind.

    `repeats` goes with the purposes `finding` and `proof`, and with no other.

    Raises:
        Refused: 403 where the dates of a class do not show the challenge yet, 422 for a bad payload, rows that are
            not those of a run of the learner's own, or a method that no worker has, 429 where the learner has too many
            runs open.
    """
    if purpose in (Run.Purpose.TRIAL, Run.Purpose.DEMO):
        access.refuse_unless_seen(user, version.challenge)
    payload = parse(version.parsed, data, public=version.samples)
    lane = kinds.find(payload.kind).lane if purpose in Run.VERIFYING else Lane.INTERACTIVE
    if purpose == Run.Purpose.TRIAL:
        if user is not None:
            refuse(list(own_runs.strange_quotes(user, version.challenge, payload)))
        workers.require(version.parsed, payload, lane)

    def once() -> Run:
        run = Run.objects.create(
            user=user,
            purpose=purpose,
            version=version,
            kind=payload.kind,
            payload=payload.model_dump(mode="json"),
            inputs=list(inputs),
            adapter=adapter,
            label=label,
            **(asdict(repeats) if repeats else {}),
            expires_at=timezone.now() + retention.run_kept_for(purpose),
        )
        rank = queue.rank_of_run(purpose, _take_slot(run))
        Evaluation.objects.create(run=run, lane=lane, fair_share_rank=rank)
        return run

    run = slots.try_again(once)
    queue.ring(lane)
    return run


def _take_slot(run: Run) -> int:
    """Returns how many runs its learner had open before; nobody's run is not limited."""
    if run.user is None:
        return 0
    slots.take(limits.OPEN_RUNS, Use(user=run.user), run=run)
    return _open_before(run.user)


def _open_before(user: User) -> int:
    """Returns how many runs and chats of a learner were open before the one that has just taken its slot."""
    return Slot.objects.of(limits.OPEN_RUNS, limits.OPEN_CHATS).filter(user=user).count() - 1


def queue_chat(user: User, asked: Evaluation) -> Run:
    """Queues a run of a chat with what the evaluation `asked` has trained, in the caller's transaction.

    Raises:
        Refused: 429 while another chat of the learner is open.
        IntegrityError: another request has just begun one. See `slots.try_again`.
    """
    assert asked.submission is not None
    run = Run.objects.create(
        user=user,
        purpose=Run.Purpose.CHAT,
        version=asked.version,
        kind=asked.submission.kind,
        payload={},
        adapter=asked.artifact,
        expires_at=timezone.now() + retention.CHATS.time,
    )
    slots.take(limits.OPEN_CHATS, Use(user=user), run=run)
    rank = queue.rank_of_run(run.purpose, _open_before(user))
    Evaluation.objects.create(run=run, lane=Lane.INTERACTIVE, fair_share_rank=rank)
    return run


def lint_of(version: ChallengeVersion, arms: str) -> Check:
    """Lint of a version, in the lane whose workers embed texts anyway.

    `arms` is the digest of the findings' arms that are checked beside it.
    """
    return _check(version, Run.Purpose.LINT, version.parsed.kind, {"arms": arms}, "lint"), Lane.JUDGE


def baseline_of(version: ChallengeVersion, baseline: Baseline) -> Check:
    """A baseline of a version, in the lane of its kind. Raises `Refused`, 422, for a bad payload.

    Lint has compared it with the public samples, so that a push of many challenges does not read those of each.
    """
    payload = parse(version.parsed, baseline.payload.model_dump(mode="json"))
    data = payload.model_dump(mode="json")
    run = _check(version, Run.Purpose.BASELINE, payload.kind, data, baseline.ref.file)
    return run, kinds.find(payload.kind).lane


def check_of(version: ChallengeVersion, purpose: Run.Purpose, kind: str) -> Check:
    """A run without a payload of its own, in the lane of its kind."""
    return _check(version, purpose, kind, {}, ""), kinds.find(kind).lane


def _check(version: ChallengeVersion, purpose: Run.Purpose, kind: str, payload: Any, label: str) -> Run:
    end = timezone.now() + retention.run_kept_for(purpose)
    return Run(version=version, purpose=purpose, kind=kind, payload=payload, label=label, expires_at=end)


def queue_checks(checks: Sequence[Check]) -> None:
    """Queues what verifies versions, in this order and in the caller's transaction: all of a course at once.

    It takes no slot, because it is nobody's. Raises `Refused`, 409, in a preview.
    """
    if not checks:
        return
    preview.refuse()
    Run.objects.bulk_create(run for run, _lane in checks)
    Evaluation.objects.bulk_create(
        Evaluation(run=run, lane=lane, fair_share_rank=queue.rank_of_run(run.purpose, 0)) for run, lane in checks
    )
    # A worker that has answered a bell rings again while there is more.
    for lane in dict.fromkeys(lane for _run, lane in checks):
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


def measure_attempt(user: User, challenge: Challenge, submission: Submission) -> Run:
    """Queues a measurement of a learner's own attempt; returns the one under way if there is one.

    Raises:
        Refused: 422 where it cannot be measured, 429 where the learner has started too many today.
    """
    return _measure(user, challenge, submission.payload, user=user, measures=submission)


def measure_baseline(user: User, challenge: Challenge, file: str) -> Run:
    """Queues a measurement of the author's baseline `file`, which all learners see.

    Raises:
        Refused: as for an attempt; 422 too if there is no such baseline.
        BundleMissing: private storage lacks the content.
    """
    assert challenge.version is not None
    payloads = {one.ref.file: one.payload for one in bundles.load(challenge.version).baselines}
    if file not in payloads:
        raise Refused("nothing", _("This challenge has no such result. Reload the page."))
    return _measure(user, challenge, payloads[file].model_dump(mode="json"), user=None, label=file)


def _measure(by: User, challenge: Challenge, data: Any, **whose: Any) -> Run:
    version = challenge.version
    assert version is not None
    payload = parse(version.parsed, data, public=version.samples)
    if not (kinds.find(payload.kind).measures_costs(version.parsed) and version.public):
        raise Refused("nothing", _("There is nothing to measure: no model answers public samples here."))
    workers.require(version.parsed, payload, Lane.TRAIN)

    def once() -> Run:
        return _measurement_under_way(version, whose) or _queue_measurement(by, version, payload, whose)

    run = slots.try_again(once)
    queue.ring(Lane.TRAIN)
    return run


def _measurement_under_way(version: ChallengeVersion, whose: dict[str, Any]) -> Run | None:
    same = Run.objects.filter(purpose=Run.Purpose.COSTS, version=version, evaluations__state__in=OPEN, **whose)
    return same.first()


def _queue_measurement(by: User, version: ChallengeVersion, payload: Any, whose: dict[str, Any]) -> Run:
    run = Run.objects.create(
        purpose=Run.Purpose.COSTS,
        version=version,
        kind=payload.kind,
        payload=payload.model_dump(mode="json"),
        expires_at=timezone.now() + retention.MEASUREMENTS.time,
        **whose,
    )
    measured = f"attempt {run.measures.pk}" if run.measures else f"baseline {run.label}"
    if slots.take_if_free(limits.OPEN_MEASUREMENT, Use(version=version, measured=measured), run=run) is None:
        # Another request was quicker. This one's transaction is tried again, and finds the run of the other.
        raise IntegrityError("the same thing is being measured")
    slots.take(limits.MEASUREMENTS, Use(user=by, challenge=version.challenge), run=run)
    Evaluation.objects.create(run=run, lane=Lane.TRAIN, fair_share_rank=queue.MEASUREMENT_RANK)
    return run
