"""The reason why an evaluation waits longer than usual, as learners read it.

A judge or a model's server does not answer: workers put the evaluation back into the queue, and the event `postponed`
holds the reason. Or no worker is free. How long that takes depends on others, so no waiting time is estimated.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gradus.submissions.models import Evaluation, Event, WorkerStatus
from gradus.submissions.queue import ALIVE, seconds_each
from gradus.submissions.states import State

JUDGE, ENGINE = "judge_", "engine_"
BUSY, SILENT, NO_MODEL, NO_WORKER = "judge_busy", "judge_silent", "model_silent", "no_worker"
# Workers that are all at work count as free again soon for this long, or for as long as they usually take.
SOON = timedelta(seconds=30)
SENTENCES: dict[str, Promise] = {
    BUSY: _(
        "The judge that marks answers got too many requests when it was last asked. Your answer is kept and tried "
        "again by itself. After an hour there is a provisional grade, and a person decides."
    ),
    SILENT: _(
        "The judge that marks answers did not answer when it was last asked. Your answer is kept and tried again by "
        "itself. After an hour there is a provisional grade, and a person decides."
    ),
    NO_MODEL: _(
        "The server of the model did not answer when it was last asked. What you have sent is kept and tried again by "
        "itself, and costs no further attempt."
    ),
    NO_WORKER: _(
        "No worker has been free for this since %(since)s. What you have sent is kept, and starts by itself when one "
        "is free."
    ),
}


@dataclass(frozen=True)
class Delay:
    """Why an evaluation waits longer than others: a code, and the sentence that learners read.

    `since` is when the last worker was free that could take it; None while a judge or a server is silent.
    """

    code: str
    since: datetime | None = None

    @property
    def message(self) -> str:
        sentence = str(SENTENCES[self.code])
        return sentence % {"since": f"{date_format(self.since, 'DATETIME_FORMAT')} UTC"} if self.since else sentence

    @property
    def as_data(self) -> dict[str, str]:
        since = {"since": self.since.isoformat()} if self.since else {}
        return {"code": self.code, "message": self.message, **since}


def delay_of(evaluation: Evaluation) -> Delay | None:
    """Returns why an open evaluation waits longer than others; None if nothing holds it up."""
    waiting = [evaluation] if evaluation.state == State.QUEUED else []
    delays = without_worker(waiting, workers_of(waiting)) | put_back([evaluation])
    return delays.get(evaluation.pk)


def put_back(evaluations: Iterable[Evaluation]) -> dict[int, Delay]:
    """Returns the delays of those that a worker has put back into the queue, by their ids."""
    delayed = [evaluation.pk for evaluation in evaluations if _is_delayed(evaluation)]
    if not delayed:
        return {}
    postponed = Event.objects.filter(evaluation_id__in=delayed, type="postponed")
    last = postponed.values("evaluation_id").annotate(last=Max("pk")).values("last")
    reasons = Event.objects.filter(pk__in=last).values_list("evaluation_id", "data")
    codes = {pk: _code(str(data.get("reason"))) for pk, data in reasons}
    return {pk: Delay(code) for pk, code in codes.items() if code}


def workers_of(waiting: Iterable[Evaluation]) -> dict[str, list[WorkerStatus]]:
    """Returns the workers of the lanes in which these wait, by lane."""
    workers: dict[str, list[WorkerStatus]] = {evaluation.lane: [] for evaluation in waiting}
    for status in WorkerStatus.objects.filter(lane__in=workers):
        workers[status.lane].append(status)
    return workers


def without_worker(waiting: Iterable[Evaluation], workers: Mapping[str, list[WorkerStatus]]) -> dict[int, Delay]:
    """Returns the delays of those that no worker will take soon, by their ids.

    A lane in which none was ever seen has had none since they were sent.
    """
    since: dict[str, datetime | None] = {}
    for lane, of_lane in workers.items():
        since |= _last_free(lane, of_lane)
    return {
        evaluation.pk: Delay(NO_WORKER, since[evaluation.lane] or evaluation.created_at)
        for evaluation in waiting
        if evaluation.lane in since
    }


def _last_free(lane: str, workers: Collection[WorkerStatus]) -> dict[str, datetime | None]:
    """Returns when a worker was free at last by the lane, None if that is unknown; nothing if one is, or will be soon.

    While workers are no longer seen, that is when the last of them was seen.
    """
    now, able = timezone.now(), [worker for worker in workers if not worker.problem]
    alive = [worker for worker in able if worker.last_seen >= now - ALIVE]
    if not alive:
        return {lane: max((worker.last_seen for worker in able), default=None)}
    jobs = [worker.busy_with for worker in alive if worker.busy_with is not None]
    if len(jobs) < len(alive):
        return {}
    begun: datetime | None = Evaluation.objects.filter(pk__in=jobs).aggregate(begun=Max("started_at"))["begun"]
    usual = max(SOON, timedelta(seconds=seconds_each(lane, workers) or 0.0))
    return {} if begun is None or now - begun <= usual else {lane: begun}


def _is_delayed(evaluation: Evaluation) -> bool:
    """While a judge is asked again, it may still be silent. Other work tells by its progress that it goes on."""
    waits = evaluation.state == State.QUEUED or (evaluation.state == State.RUNNING and evaluation.lane == "judge")
    return waits and evaluation.postponed_since is not None


def _code(reason: str) -> str:
    if reason.startswith(JUDGE):
        return BUSY if reason == f"{JUDGE}429" else SILENT
    return NO_MODEL if reason.startswith(ENGINE) else ""
