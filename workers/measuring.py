"""Measures on an idle machine what a request costs; see `graders.repeated`."""

from __future__ import annotations

import socket
from collections.abc import Callable

from django.utils import timezone

from graders.base import Assignment, Grading
from graders.repeated import repeated
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services.payload import counter


def is_measurement(evaluation: Evaluation) -> bool:
    """Whether the evaluation measures costs: training is then whole, and public rows are answered several times."""
    return evaluation.run is not None and evaluation.run.purpose == Run.Purpose.COSTS


def measured(grading: Grading, assignment: Assignment, evaluation: Evaluation) -> Grading:
    """Wraps the grading of a measurement; leaves all others as they are."""
    if not is_measurement(evaluation):
        return grading
    bundle = assignment.bundle
    return repeated(grading, len(bundle.public), lambda: _quiet_since(evaluation), counter(bundle.challenge))


def _quiet_since(evaluation: Evaluation) -> Callable[[], bool]:
    """A function that says whether no other evaluation of this machine has run since this moment."""
    since = timezone.now()
    return lambda: not services.others_at_work(evaluation, socket.gethostname(), since)
