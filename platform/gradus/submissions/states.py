"""The states of an evaluation."""

from enum import StrEnum


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SCORED = "scored"
    REJECTED = "rejected"
    FAILED = "failed"
    REVIEW = "review"
    CANCELLED = "cancelled"


OPEN = (State.QUEUED, State.RUNNING)
# How often workers may start one evaluation before it ends as `worker_lost` and the learner's attempt is given back.
MAX_ATTEMPTS = 5
