"""Runs: trials on public samples, the demo, baselines. They cost no attempt and never write a score."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from gradus.accounts.models import User
from gradus.courses.models import ChallengeVersion
from gradus.submissions import bell
from gradus.submissions.models import Evaluation, Lane, Run
from gradus.submissions.services.payload import parse
from gradus.submissions.services.refusal import Refused

KEPT = timedelta(days=7)
OPEN_RUNS = 6


def start_run(
    user: User | None,
    version: ChallengeVersion,
    data: Any,
    *,
    purpose: str = Run.Purpose.TRIAL,
    inputs: Sequence[str] = (),
    adapter: str = "",
    label: str = "",
) -> Run:
    """Queues a run. `inputs` (demo) replace the public samples. Baselines run in the lane of their kind.

    Raises:
        Refused: 422 for a bad payload, 429 where the learner has too many runs open.
    """
    payload = parse(version.parsed, data)
    open_before = Evaluation.objects.open().filter(run__user=user).count() if user is not None else 0
    if open_before >= OPEN_RUNS:
        raise Refused("too_many_runs", "Several of your runs are still going. Wait for one to end.", 429, retry_after=5)
    lane = Lane.INTERACTIVE
    if purpose == Run.Purpose.BASELINE:
        lane = {"prompt": Lane.GRADE, "lora": Lane.TRAIN, "free_text": Lane.JUDGE}[payload.kind]
    with transaction.atomic():
        run = Run.objects.create(
            user=user,
            purpose=purpose,
            version=version,
            kind=payload.kind,
            payload=payload.model_dump(mode="json"),
            inputs=list(inputs),
            adapter=adapter,
            label=label,
            expires_at=timezone.now() + KEPT,
        )
        Evaluation.objects.create(run=run, lane=lane, turn=open_before)
    bell.ring(lane)
    return run
