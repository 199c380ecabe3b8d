"""The assignment of an evaluation, as a worker beside the site makes it."""

from contextlib import contextmanager

from gradus.fleet.jobs import job_of
from workers.grading import assignments
from workers.transport.beside import Beside


@contextmanager
def prepared(evaluation):
    """Yields the assignment of the evaluation's job."""
    with assignments.prepared(job_of(evaluation), Beside()) as assignment:
        yield assignment
