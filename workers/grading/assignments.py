"""Builds the assignment of a grader from a job."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from challenges import payloads
from challenges.jobs import BundleMissing, Job
from challenges.models import tokens
from graders import registry
from graders.base import Assignment, Chat, Grading, Rejected
from graders.chat import chat
from graders.request_costs import measure_requests
from workers.grading import chats
from workers.sandbox import adapter_files
from workers.transport.site import Site


@contextmanager
def prepared(job: Job, site: Site) -> Iterator[Assignment]:
    """Yields the assignment; an adapter lies in a temporary folder for as long as the context lasts.

    Raises:
        BundleMissing: the site lacks the content or the adapter of the demo.
        Rejected: `adapter_missing` or `no_chat_template`, what a chat asks cannot be answered any more.
    """
    if job.is_chat and job.chat is None:
        raise Rejected("adapter_missing")
    bundle = job.bundle(site.bundle(job))
    if job.chat is not None:
        # A chat meets no hidden row.
        bundle = replace(bundle, hidden=())
    assignment = Assignment(
        bundle=bundle,
        payload=payloads.parse(job.payload),
        hidden=job.on_hidden_rows,
        inputs=job.inputs,
        whole=job.is_whole,
        draw=job.draw if job.chat is None else "",
        **(site.judging.of(job) if job.of_kind.is_judged and site.judging else {}),
    )
    if not job.files:
        yield assignment
        return
    with adapter_files.folder() as folder:
        assignment = replace(assignment, adapter=str(folder))
        if job.chat is None:
            _write_adapter(job, site, folder)
        else:
            text = job.chat.text
            prompt = chats.plain_prompt(bundle.challenge.model, text) if job.chat.is_plain else ""
            assignment = replace(assignment, chat=Chat(text, prompt))
            _unpack(job, site, folder)
        yield assignment


def _write_adapter(job: Job, site: Site, folder: Path) -> None:
    for file in job.files:
        try:
            with site.read(job, file) as source, adapter_files.written(folder / PurePosixPath(file.name).name) as copy:
                shutil.copyfileobj(source, copy)
        except FileNotFoundError as error:
            raise BundleMissing(f"private storage lacks {file.name}; import the course again") from error


def _unpack(job: Job, site: Site, folder: Path) -> None:
    """Writes the files of a trained adapter, or of a whole trained model, from the zip that a worker has stored."""
    try:
        with site.read(job, job.files[0]) as file, zipfile.ZipFile(file) as archive:
            adapter_files.unpack(archive, folder)
    except (FileNotFoundError, zipfile.BadZipFile) as error:
        raise Rejected("adapter_missing") from error


def grading(assignment: Assignment, job: Job, site: Site) -> Grading:
    """Starts the grader of the assignment's kind, or a chat, which is not graded.

    The grader of a measurement has its public rows answered several times; see `graders.request_costs`.
    """
    if assignment.chat is not None:
        return chat(assignment)
    graded = registry.grade(assignment)
    if not job.is_measurement:
        return graded
    bundle = assignment.bundle
    count = tokens.counter(bundle.challenge.model) or (lambda text: 0)
    return measure_requests(graded, len(bundle.public), lambda: _quiet_since(job, site), count)


def _quiet_since(job: Job, site: Site) -> Callable[[], bool]:
    """A function that says whether no other job of this machine has run since this moment."""
    since = datetime.now(UTC)
    return lambda: not site.others_at_work(job, since)
