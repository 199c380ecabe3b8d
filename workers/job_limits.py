"""The time limits of trials, submissions and baselines; the kind of a challenge says how long a submission may take."""

from __future__ import annotations

from challenges import kinds
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
    return kinds.find(assignment.payload.kind).seconds(assignment.bundle.challenge)


def baseline_seconds(challenge: Challenge, payload: Submitted) -> float:
    """Wall-clock limit of a baseline, in seconds, both on a server and on an author's machine."""
    return BASELINE_FACTOR * kinds.find(payload.kind).seconds(challenge)
