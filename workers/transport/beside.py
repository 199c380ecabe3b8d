"""The site in the same process: for workers beside it, which Celery or `manage.py work` runs with its database."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import storages
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError, connection

from challenges import payloads
from challenges.bundle import ChallengeBundle
from challenges.jobs import Item, Job, Outcome, StoredFile
from gradus import private_files
from gradus.courses import bundles
from gradus.fleet import jobs
from gradus.fleet.models import WorkerToken
from gradus.submissions import failpoints, services
from workers.sandbox.choosing import Choices
from workers.transport.choices import DatabaseChoices
from workers.transport.judging import BesideJudging
from workers.transport.site import Judging, Report

# The database cannot be reached or has ended the connection. PostgreSQL raises InternalError after a transaction was
# idle for too long.
AWAY = (OperationalError, InterfaceError, InternalError)


class Beside:
    """Implements `workers.transport.site.Site`."""

    def __init__(self) -> None:
        self.choices: Choices = DatabaseChoices()
        self.judging: Judging | None = BesideJudging()

    def name_of(self, lane: str) -> str:
        return f"{socket.gethostname()}:{lane}:{os.getpid()}"

    def claim(self, lane: str, worker: str, profile: str, without: Collection[str]) -> Job | None:
        return jobs.claim(lane, worker=worker, profile=profile, without=without)

    def learner_waits(self, lane: str, profile: str, without: Collection[str]) -> bool:
        return services.learner_waits(lane, profile, without)

    def renew(self, job: Job, worker: str) -> bool:
        is_held = services.heartbeat(job.id, job.fence)
        services.seen_worker(worker)
        return is_held

    def append_events(self, job: Job, items: Sequence[Item]) -> None:
        services.append_events(job.id, job.fence, items)

    def bundle(self, job: Job) -> ChallengeBundle:
        failpoints.reach("grade.started")
        return bundles.of_digest(job.digest)

    def read(self, job: Job, file: StoredFile) -> IO[bytes]:
        opened: Any = storages[file.store].open(file.name)
        return opened  # type: ignore[no-any-return]  # a File has what is asked of a stream

    def write(self, job: Job, what: str, content: IO[bytes]) -> str:
        store, name = jobs.place_of(job.id, job.fence, what)
        return storages[store].save(name, File(content))

    def keep_trained(self, job: Job, trained: dict[str, Any]) -> None:
        services.keep_trained(job.id, job.fence, trained)

    def record(self, job: Job, outcome: Outcome, last: Sequence[Item]) -> None:
        failpoints.reach("grade.computed")
        services.record(job.id, job.fence, outcome, last)

    def reject(self, job: Job, code: str, result: dict[str, Any] | None) -> None:
        services.reject(job.id, job.fence, code, result)

    def give_back(self, job: Job, *, broken: bool = False) -> bool:
        return services.release(job.id, job.fence, broken=broken)

    def retry(self, job: Job, after_seconds: float) -> None:
        # If only the reply to COMMIT was lost, the evaluation has ended already and this changes nothing.
        services.retry(job.id, job.fence, after_seconds=after_seconds)

    def postpone(self, job: Job, seconds: float, reason: str) -> None:
        services.postpone(job.id, job.fence, seconds, reason)

    def another_can(self, job: Job, worker: str) -> bool:
        return services.another_can(job.challenge, payloads.parse(job.payload), job.lane, worker=worker)

    def others_at_work(self, job: Job, since: datetime) -> bool:
        return services.others_at_work(job.id, socket.gethostname(), since)

    def report(self, report: Report) -> None:
        services.report_worker(asdict(report))

    def other_weights(self, worker: str, held: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        elsewhere = WorkerToken.objects.values_list("name", flat=True)
        # What a machine with a token says of its weights stops no worker of the site's own.
        return services.other_weights(worker, held, without=set(elsewhere))

    def is_away(self, error: BaseException) -> bool:
        return isinstance(error, AWAY) or private_files.is_away(error)

    def refusal(self, error: BaseException) -> str:
        if not isinstance(error, ProgrammingError):
            return ""
        return (
            f"The database refuses a statement of this worker ({type(error.__cause__).__name__}). Install the web "
            "server's release on its machine, and run `manage.py migrate` on the web server."
        )

    def hang_up(self) -> None:
        if not connection.in_atomic_block:
            connection.close()
