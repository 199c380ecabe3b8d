"""Measurements of what a request costs, of a learner's attempt or of an author's baseline."""

from typing import Any

from django.db import IntegrityError
from django.utils.translation import gettext as _

from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from challenges.payloads import Submitted
from gradus import retention
from gradus.accounts.models import User
from gradus.courses import bundles
from gradus.courses.models import Challenge, ChallengeVersion
from gradus.refusal import Refused
from gradus.submissions import queue
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.models import Run, Submission
from gradus.submissions.services import workers
from gradus.submissions.services.payload import parse
from gradus.submissions.services.purpose import Purpose, find
from gradus.submissions.states import OPEN


class Costs(Purpose):
    """A run on public rows in the lane of training runs, so that all methods are timed by the same kind of worker.

    It is claimed last of all, and only while nothing else runs in the lane.
    """

    name = "costs"
    kept = retention.MEASUREMENTS
    is_awaited = False
    is_whole = True

    def lane(self, kind: str) -> Lane:
        return Lane.TRAIN

    def rank(self, open_before: int) -> int:
        return queue.MEASUREMENT_RANK


def measure_attempt(user: User, challenge: Challenge, submission: Submission) -> Run:
    """Queues a measurement of a learner's own attempt; returns the one under way if there is one.

    Raises:
        Refused: 422 where it cannot be measured, 429 where the learner has started too many today.
    """
    return _measure(user, challenge, submission.payload, user=user, measures=submission)


def measure_baseline(user: User, challenge: Challenge, file: str) -> Run:
    """Queues a measurement of the author's baseline `file`, which all learners see.

    Raises:
        Refused: as for an attempt; 422 too if there is no such baseline.
        BundleMissing: private storage lacks the content.
    """
    assert challenge.version is not None
    payloads = {baseline.ref.file: baseline.payload for baseline in bundles.load(challenge.version).baselines}
    if file not in payloads:
        raise Refused("nothing", _("This challenge has no such result. Reload the page."))
    return _measure(user, challenge, payloads[file].model_dump(mode="json"), user=None, label=file)


def _measure(by: User, challenge: Challenge, data: Any, **whose: Any) -> Run:
    version = challenge.version
    assert version is not None
    payload = parse(version.parsed, data, public=version.samples)
    if not (kinds.find(payload.kind).measures_costs(version.parsed) and version.public):
        raise Refused("nothing", _("There is nothing to measure: no model answers public samples here."))
    workers.require(version.parsed, payload, Lane.TRAIN)

    def once() -> Run:
        return _measurement_under_way(version, whose) or _queue_measurement(by, version, payload, whose)

    run = slots.try_again(once)
    queue.ring(Lane.TRAIN)
    return run


def _measurement_under_way(version: ChallengeVersion, whose: dict[str, Any]) -> Run | None:
    return Run.objects.filter(purpose=Costs.name, version=version, evaluations__state__in=OPEN, **whose).first()


def _queue_measurement(by: User, version: ChallengeVersion, payload: Submitted, whose: dict[str, Any]) -> Run:
    purpose = find(Costs.name)
    run = purpose.run(version, payload.kind, payload.model_dump(mode="json"), **whose)
    run.save()
    measured = f"attempt {run.measures.pk}" if run.measures else f"baseline {run.label}"
    if slots.take_if_free(limits.OPEN_MEASUREMENT, Use(version=version, measured=measured), run=run) is None:
        # Another request was quicker. This one's transaction is tried again, and finds the run of the other.
        raise IntegrityError("the same thing is being measured")
    slots.take(limits.MEASUREMENTS, Use(user=by, challenge=version.challenge), run=run)
    purpose.evaluation(run).save()
    return run
