"""What can go wrong with a runner, for those who give it work."""

from __future__ import annotations


class RunnerDied(Exception):
    """The runner ended or sent an invalid message in the middle of a job. The job may be tried again."""


class GpuFailed(RunnerDied):
    """The GPU, or its driver, failed or was full in a job. Later, or on another machine, the job may succeed."""


class RunnerFailed(Exception):
    """The engine raised an unexpected error, and trying again would not help. The message names only its type."""


class RunnerTimeout(Exception):
    """The job's time was over by the wall clock, and the runner was killed."""


class WorkLimit(RunnerTimeout):
    """The job had done all the work that it may do, and the runner was killed."""
