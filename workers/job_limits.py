"""The limits of trials, submissions and baselines in seconds of work; the kind of a challenge says what they are.

Work is what the runner's process computes (`workers.sandbox.supervisor.Runner.worked`). By the wall clock a job may
take `challenges.kinds.base.WALL_FACTOR` times as long.
"""

from __future__ import annotations

from challenges import kinds
from challenges.payloads import Submitted
from challenges.spec import Challenge
from graders.base import Assignment

# A baseline is run to learn its score, not its speed: a slower machine is no reason to fail it.
BASELINE_FACTOR = 6.0


def job_seconds(assignment: Assignment) -> float:
    """The limit of a whole job of a learner: a trial's, or a submission's with its hidden rows."""
    kind, challenge = kinds.find(assignment.payload.kind), assignment.bundle.challenge
    return kind.seconds(challenge) if assignment.hidden else kind.trial_seconds(challenge, assignment.payload)


def baseline_seconds(challenge: Challenge, payload: Submitted) -> float:
    """The limit of a baseline, both on a server and on an author's machine."""
    return BASELINE_FACTOR * kinds.find(payload.kind).seconds(challenge)
