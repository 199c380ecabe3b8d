"""How many seconds a job may take: the only place that says it for submissions, trials and baselines."""

from __future__ import annotations

from challenges.payloads import Submitted
from challenges.spec import Challenge
from graders.base import Assignment

# A trial must feel immediate, whatever the challenge allows a submission.
TRIAL_SECONDS = 180
# A baseline is run to learn its score, not its speed: a slower or busy machine is no reason to fail it.
BASELINE_FACTOR = 6.0


def job_seconds(assignment: Assignment) -> float:
    """Wall-clock limit of a whole job of a learner, in seconds: a trial's, or a submission's with its hidden rows."""
    if not assignment.hidden:
        return TRIAL_SECONDS
    return submission_seconds(assignment.bundle.challenge, assignment.payload)


def baseline_seconds(challenge: Challenge, payload: Submitted) -> float:
    """Wall-clock limit of a baseline, in seconds, both on a server and on an author's machine."""
    return BASELINE_FACTOR * submission_seconds(challenge, payload)


def submission_seconds(challenge: Challenge, payload: Submitted) -> float:
    """The limit that the challenge sets, in seconds; a training run gets its own time on top."""
    training = challenge.lora.seconds if payload.kind == "lora" and challenge.lora else 0
    return challenge.limits.seconds + training
