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
