"""Signs the addresses of files in the bucket, each for one claim, so that workers with few rights need no key of it.

What a worker asks is not trusted: it reads only what its job names, and writes only files that are named by its claim.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import structlog
from django.core.files.storage import FileSystemStorage, storages
from django.db import connection
from django.db.models.functions import Now

from gradus.courses import archives, bundles
from gradus.courses.models import CourseVersion
from gradus.submissions.models import Evaluation, FileLink, Run
from gradus.submissions.services.handed_in import AWAY
from gradus.submissions.states import State

log = structlog.get_logger(__name__)
ANSWERED = "gradus_file_links"
# How long an address is valid, and after which time a row is deleted that its worker has left.
SECONDS = 600
LEFT = timedelta(hours=1)
# In bytes: what S3 takes in one request, and more than any private rows of a job have.
FILE_MOST, RAW_MOST = 5 * 1024**3, 64 * 1024**2
ROWS = 100
# The files of a demo's adapter, as `workers.sandbox.adapter_files` names them.
ADAPTER = ("adapter_config.json", "adapter_model.safetensors")


def sign_all() -> int:
    """Answers what was asked, the oldest first. Several processes may do it at once. Returns the number."""
    waiting = list(FileLink.objects.filter(url="", refused=False).order_by("id")[:ROWS])
    for link in waiting:
        reason = ""
        try:
            url = _signed(link) if _may(link) else ""
        except AWAY:
            raise
        except Exception as error:  # whatever is wrong with this one: all others are answered
            url, reason = "", type(error).__name__
        if not url:
            worker = Evaluation.objects.values_list("worker", flat=True).filter(pk=link.evaluation_id).first()
            log.warning("file_refused", evaluation=link.evaluation_id, worker=worker, store=link.store, reason=reason)
        FileLink.objects.filter(pk=link.pk).update(url=url, refused=not url)
    if waiting:
        FileLink.objects.filter(created_at__lt=Now() - LEFT).delete()
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"notify {ANSWERED}")
    return len(waiting)


def _may(link: FileLink) -> bool:
    """Whether the claim is current, and the file is one of its job."""
    claims = Evaluation.objects.filter(state=State.RUNNING, fence=link.fence, lease_until__gt=Now())
    evaluation = claims.select_related("submission", "run", "graded_version").filter(pk=link.evaluation_id).first()
    if evaluation is None:
        return False
    if link.size is None:
        return (link.store, link.name) in set(_read_by(evaluation))
    return link.size <= _most(evaluation, link.store, link.name)


def _read_by(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """The files that a job reads: its content, an adapter of a demo or a chat, and what it has trained before."""
    yield "private", bundles.path_of(evaluation.version.digest)
    # The worker itself has written both: the name, in whatever form, and the file.
    kept = str(evaluation.trained.get("file")) if isinstance(evaluation.trained, dict) else ""
    if re.fullmatch(rf"trained/{evaluation.pk}/\d+(?:_\w+)?\.zip", kept):
        yield "private", kept
    run = evaluation.run
    if run is None:
        return
    if run.adapter and run.purpose == Run.Purpose.CHAT:
        yield "artifacts", run.adapter
    elif run.adapter:
        lesson = run.version.challenge.lesson
        yield from (("private", bundles.lesson_path(lesson.digest, f"{run.adapter}/{name}")) for name in ADAPTER)
    if run.purpose == Run.Purpose.LINT:
        versions = CourseVersion.objects.filter(course=run.version.challenge.course_id).exclude(archive="")
        yield from (("private", archives.path_of(sha256)) for sha256 in versions.values_list("archive", flat=True))


def _most(evaluation: Evaluation, store: str, name: str) -> int:
    """How many bytes the claim may write into the file; -1 if it may not."""
    at = f"{evaluation.pk}/{evaluation.fence}"
    allowed = {
        ("private", f"raw/{at}.json"): RAW_MOST,
        ("private", f"trained/{at}.zip"): FILE_MOST,
        ("artifacts", f"{at}/adapter.zip"): FILE_MOST,
    }
    return allowed.get((store, name), -1)


def _signed(link: FileLink) -> str:
    """The address of the file; "" where this site keeps its files in folders."""
    store: Any = storages[link.store]
    if isinstance(store, FileSystemStorage):
        return ""
    what = {"Bucket": store.bucket.name, "Key": f"{store.location.strip('/')}/{link.name}"}
    reads = link.size is None
    return str(
        store.bucket.meta.client.generate_presigned_url(
            "get_object" if reads else "put_object",
            Params=what if reads else {**what, "ContentLength": link.size},
            ExpiresIn=SECONDS,
        )
    )
