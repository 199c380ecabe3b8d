"""Makes a worker's job of an evaluation, for workers beside the site and for those on other machines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import structlog
from django.conf import settings
from django.db import ProgrammingError

from challenges.jobs import ADAPTER, RAW, TRAINED, Job, StoredFile
from gradus.courses import bundles
from gradus.database_away import is_unavailable
from gradus.preferences.services import lot
from gradus.submissions import services
from gradus.submissions.models import Evaluation
from gradus.submissions.services.purpose import of

log = structlog.get_logger(__name__)
# Until a job is tried again where the database has another schema than this release.
MISCONFIGURED_SECONDS = 60


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
    run, version, purpose = evaluation.run, evaluation.version, of(evaluation)
    owner = purpose.graded(evaluation)
    job = Job(
        id=evaluation.pk,
        fence=evaluation.fence,
        attempt=evaluation.attempt,
        max_attempts=evaluation.max_attempts,
        lane=evaluation.lane,
        purpose=purpose.name,
        on_hidden_rows=purpose.on_hidden_rows,
        is_whole=purpose.is_whole,
        has_plain_metric=purpose.has_plain_metric,
        gives_way=not purpose.is_awaited,
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
    return job if run is None else replace(job, inputs=tuple(run.inputs), **purpose.load(run))


def place_of(evaluation_id: int, fence: int, what: str) -> tuple[str, str]:
    """Returns the store and the name of a job's file, which holds the fence: a worker that has lost its lease
    overwrites nothing.
    """
    return {
        RAW: ("private", f"raw/{evaluation_id}/{fence}.json"),
        ADAPTER: ("artifacts", f"{evaluation_id}/{fence}/adapter.zip"),
        TRAINED: ("private", f"trained/{evaluation_id}/{fence}.zip"),
    }[what]
