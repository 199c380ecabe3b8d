"""Makes a worker's job of an evaluation, for workers beside the site and for those on other machines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog
from django.conf import settings
from django.db import ProgrammingError

from challenges.bundle import ChallengeBundle
from challenges.jobs import ADAPTER, RAW, TRAINED, ChatTurn, Job, StoredFile
from challenges.kinds import registry as kinds
from challenges.spec import Challenge
from gradus.chats.models import ChatMessage
from gradus.courses import bundles
from gradus.database_away import is_unavailable
from gradus.preferences.services import lot
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Submission

log = structlog.get_logger(__name__)
# Until a job is tried again where the database has another schema than this release.
MISCONFIGURED_SECONDS = 60
# The files of a demo's adapter, in its folder.
OF_A_DEMO = ("adapter_config.json", "adapter_model.safetensors")


def claim(lane: str, **given: Any) -> Job | None:
    """Claims as `services.claim` does, and returns the job. An evaluation of which none can be made ends as an error of
    ours, and the next one is claimed.
    """
    while (evaluation := services.claim(lane, **given)) is not None:
        try:
            return job_of(evaluation)
        except ProgrammingError:
            services.postpone(evaluation.pk, evaluation.fence, MISCONFIGURED_SECONDS, "engine_misconfigured")
            raise
        except Exception as error:
            if is_unavailable(error):
                raise
            log.exception("no_job", evaluation=evaluation.pk, reason=type(error).__name__)
            services.reject(evaluation.pk, evaluation.fence, "internal")
    return None


def job_of(evaluation: Evaluation) -> Job:
    """Returns the job of an evaluation that is claimed, with the lease of a worker beside the site."""
    run, version = evaluation.run, evaluation.version
    owner = graded(evaluation)
    job = Job(
        id=evaluation.pk,
        fence=evaluation.fence,
        attempt=evaluation.attempt,
        max_attempts=evaluation.max_attempts,
        lane=evaluation.lane,
        purpose="submission" if run is None else run.purpose,
        kind=owner.kind,
        payload=owner.payload,
        spec=version.spec,
        digest=version.digest,
        content=StoredFile("private", bundles.path_of(version.digest)),
        lease_seconds=settings.LEASE_SECONDS,
        beat_seconds=settings.HEARTBEAT_SECONDS,
        draw=lot(owner.user_id, owner.version.challenge_id) if owner.user_id else "",
        trained=evaluation.trained if isinstance(evaluation.trained, dict) else None,
        keeps_checkpoints=settings.KEEP_CHECKPOINTS,
    )
    if run is None:
        return job
    return replace(
        job,
        inputs=tuple(run.inputs),
        seed=_seed(evaluation, version.parsed),
        files=tuple(_adapter(run)),
        **(_chat(run) if run.purpose == Run.Purpose.CHAT else {"can_load": True if run.adapter else None}),
    )


def graded(evaluation: Evaluation) -> Submission | Run:
    """Returns the attempt or run that is graded. Of an attempt that staff run again, the attempt alone has the payload,
    so that nothing of it is left when its learner deletes the account.
    """
    run = evaluation.run
    if run is not None and run.purpose == Run.Purpose.AGAIN:
        return run.rerun.submission
    owner = evaluation.submission or run
    assert owner is not None
    return owner


def place_of(evaluation_id: int, fence: int, what: str) -> tuple[str, str]:
    """Returns the store and the name of a job's file, which holds the fence: a worker that has lost its lease
    overwrites nothing.
    """
    return {
        RAW: ("private", f"raw/{evaluation_id}/{fence}.json"),
        ADAPTER: ("artifacts", f"{evaluation_id}/{fence}/adapter.zip"),
        TRAINED: ("private", f"trained/{evaluation_id}/{fence}.zip"),
    }[what]


def _seed(evaluation: Evaluation, challenge: Challenge) -> int | None:
    run = evaluation.run
    assert run is not None
    if run.purpose == Run.Purpose.PROOF:
        return services.seed_of_proof(evaluation, ChallengeBundle(challenge, "", "", digest="-").seed)
    if run.purpose == Run.Purpose.AGAIN and kinds.find(run.rerun.submission.kind).is_trained:
        return run.rerun.seed
    return None


def _adapter(run: Run) -> list[StoredFile]:
    if run.purpose == Run.Purpose.CHAT:
        return [StoredFile("artifacts", run.adapter)]
    if not run.adapter:
        return []
    digest = run.version.challenge.lesson.digest
    return [StoredFile("private", bundles.lesson_path(digest, f"{run.adapter}/{name}")) for name in OF_A_DEMO]


def _chat(run: Run) -> dict[str, Any]:
    """What is asked in a chat; nothing where the message, or the attempt that trained the model, is not the owner's."""
    # The owner is asked for again: whatever went wrong before, nobody is answered by another person's model.
    message = ChatMessage.objects.select_related("submission").filter(run=run, submission__user=run.user_id).first()
    if message is None:
        return {}
    payload = message.submission.payload
    return {
        "payload": payload,
        "chat": ChatTurn(message.text, message.style == ChatMessage.Style.PLAIN),
        "can_load": payload.get("method", "lora") in ("lora", "dpo"),
    }
