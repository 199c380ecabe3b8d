"""What a job needs of this machine: which base model its runner computes, and within which limit."""

from __future__ import annotations

from collections.abc import Mapping

from challenges.jobs import Job
from graders.base import Assignment
from workers.execute import baseline_seconds, job_seconds


def seconds_of(job: Job, assignment: Assignment) -> float:
    """The job's limit in seconds of work."""
    if job.gives_way:
        return baseline_seconds(assignment.bundle.challenge, assignment.payload)
    return job_seconds(assignment)


def local_model(job: Job, remotes: Mapping[str, bool]) -> str | None:
    """The base model that the runner computes for the job; None where it asks none, as lint does, or one of `remotes`.

    `remotes` says of each base model that is served elsewhere whether answers with adapters come from there too.
    Training happens here also where answers come from elsewhere, and so do answers with what is not loaded there.
    """
    spec, kind = job.challenge, job.of_kind
    if job.is_lint or not kind.asks_model(spec):
        return None
    if spec.model is None or spec.model not in remotes:
        return spec.model
    is_here = kind.is_trained if job.can_load is None else not (job.can_load and remotes[spec.model])
    return spec.model if is_here else None


def needs(job: Job, remotes: Mapping[str, bool]) -> list[str | None]:
    """What the runner needs for the job: a base model that it computes, and None for work without one."""
    spec, kind, model = job.challenge, job.of_kind, local_model(job, remotes)
    is_without = job.is_lint or spec.model is None or not kind.asks_model(spec) or kind.has_documents
    return [*([] if model is None else [model]), *([None] if is_without else [])]
