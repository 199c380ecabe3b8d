"""What follows from an evaluation's row: what is graded, for whom, within which limit, and what the runner needs."""

from __future__ import annotations

from collections.abc import Mapping

from challenges.kinds import registry as kinds
from challenges.kinds.base import Kind
from graders.base import Assignment
from gradus.chats.models import ChatMessage
from gradus.submissions.models import Evaluation, Run
from workers.execute import baseline_seconds, job_seconds


def on_hidden_rows(evaluation: Evaluation) -> bool:
    """Whether hidden rows are graded: for a submission, also one that staff run again, and for a baseline that verifies
    a challenge version.
    """
    return evaluation.run is None or evaluation.run.purpose in (Run.Purpose.BASELINE, Run.Purpose.AGAIN)


def is_rerun(evaluation: Evaluation) -> bool:
    """Whether the evaluation grades an attempt that staff run again, so that its score never counts."""
    return evaluation.run is not None and evaluation.run.purpose == Run.Purpose.AGAIN


def is_baseline(evaluation: Evaluation) -> bool:
    """Whether the evaluation runs a baseline to verify a challenge version."""
    return evaluation.submission_id is None and on_hidden_rows(evaluation)


def is_lint(evaluation: Evaluation) -> bool:
    """Whether the evaluation lints a challenge version, so that nothing is graded."""
    return evaluation.run is not None and evaluation.run.purpose == Run.Purpose.LINT


def is_proof(evaluation: Evaluation) -> bool:
    """Whether the evaluation repeats an arm of a finding to compare it with the author's record."""
    return evaluation.run is not None and evaluation.run.purpose == Run.Purpose.PROOF


def is_measurement(evaluation: Evaluation) -> bool:
    """Whether the evaluation measures costs: training is then whole, and public rows are answered several times."""
    return evaluation.run is not None and evaluation.run.purpose == Run.Purpose.COSTS


def gives_way(evaluation: Evaluation) -> bool:
    """Whether nobody waits for the evaluation, which therefore stops for a learner who waits."""
    verifies = evaluation.run is not None and evaluation.run.purpose in Run.BEHIND_LEARNERS
    return verifies or is_measurement(evaluation)


def seconds_of(evaluation: Evaluation, assignment: Assignment) -> float:
    """The evaluation's limit in seconds of work."""
    if gives_way(evaluation):
        return baseline_seconds(assignment.bundle.challenge, assignment.payload)
    return job_seconds(assignment)


def kind_of(evaluation: Evaluation) -> Kind:
    """The kind of what was submitted or run."""
    owner = evaluation.submission or evaluation.run
    assert owner is not None
    return kinds.find(owner.kind)


def local_model(evaluation: Evaluation, remotes: Mapping[str, bool]) -> str | None:
    """The base model that the runner computes for the evaluation; None where it asks none, or one of `remotes`.
    Lint asks none.

    `remotes` says of each base model that is served elsewhere whether answers with adapters come from there too.
    Training happens here also where answers come from elsewhere, and so do answers with what is not loaded there.
    """
    spec, kind = evaluation.version.parsed, kind_of(evaluation)
    if is_lint(evaluation) or not kind.asks_model(spec):
        return None
    if spec.model is None or spec.model not in remotes:
        return spec.model
    can_load = _can_be_loaded(evaluation)
    is_here = kind.is_trained if can_load is None else not (can_load and remotes[spec.model])
    return spec.model if is_here else None


def _can_be_loaded(evaluation: Evaluation) -> bool | None:
    """Whether a remote engine can load what was trained before and is asked now: in a chat, or in a lesson's demo.
    None where nothing of that kind is asked.
    """
    if evaluation.run is None:
        return None
    if evaluation.run.purpose != Run.Purpose.CHAT:
        return True if evaluation.run.adapter else None
    asked = ChatMessage.objects.filter(run=evaluation.run).values_list("submission__payload", flat=True).first() or {}
    return asked.get("method", "lora") in ("lora", "dpo")


def needs(evaluation: Evaluation, remotes: Mapping[str, bool]) -> list[str | None]:
    """What the runner needs for the evaluation: a base model that it computes, and None for work without one."""
    spec, kind, model = evaluation.version.parsed, kind_of(evaluation), local_model(evaluation, remotes)
    is_without = is_lint(evaluation) or spec.model is None or not kind.asks_model(spec) or kind.has_documents
    return [*([] if model is None else [model]), *([None] if is_without else [])]
