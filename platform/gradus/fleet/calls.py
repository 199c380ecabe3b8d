"""What the workers of another machine ask of the site, one function for each call of the door.

Nothing that comes from such a machine is trusted: each call is checked for its form, and changes only what a worker of
its own token holds, under the fence of that claim. The score is written here, by the site.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from challenges import distribution, payloads
from challenges.jobs import ADAPTER, RAW, TRAINED, Job, LeaseLost
from gradus.fleet import files, jobs, proposals
from gradus.fleet.jobs import job_of
from gradus.fleet.models import WorkerToken
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.models import Evaluation, WorkerStatus
from gradus.submissions.queue import ALIVE
from gradus.submissions.services.outcome_form import checked_outcome, checked_result
from gradus.submissions.states import State

# The versions of these calls that this site answers. A change that an older worker would misread is a new version.
PROTOCOLS = (1,)
# Leases of the site's own workers: a network may be away for minutes, and what was trained until then is worth more
# than a short wait.
LEASES = {"interactive": 3, "grade": 3, "train": 15}
# How often an idle worker says that it is alive, and the longest that it may be told to wait for a job.
REPORT_SECONDS, WAIT_SECONDS = 30, 20
EVENTS_MOST = 500
SECONDS_MOST = 7 * 24 * 3600
JOBS = TypeAdapter(Job)
Name = Annotated[str, Field(max_length=200)]
Number = Annotated[int, Field(ge=0, lt=10_000)]
Key = Annotated[int, Field(ge=0, lt=2**31)]


class Sent(BaseModel):
    """What a call sends: of exactly this form, with finite numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class OfWorker(Sent):
    """A call of the worker `number` of a lane on the token's machine."""

    lane: Name
    number: Number = 0

    def name(self, token: WorkerToken) -> str:
        """Returns the name of the worker. Raises `Refused` for a lane that the token does not have."""
        if self.lane not in token.lanes:
            said = _("The token “%(name)s” is for the lanes %(lanes)s alone.")
            raise Refused("lane", said % {"name": token.name, "lanes": ", ".join(token.lanes)}, status=403)
        return f"{token.name}:{self.lane}:{self.number}"


class Claim(OfWorker):
    """`again`: the answer to the same request did not arrive, so that a job may have been given already."""

    profile: Annotated[str, Field(max_length=80)]
    without: Annotated[list[Name], Field(max_length=200)] = []
    wait: bool = False
    again: bool = False


class OfJob(Sent):
    id: Key
    fence: Key

    def held(self, token: WorkerToken) -> Evaluation:
        """Returns the evaluation. Raises `LeaseLost` unless a worker of the token holds it under this fence."""
        rows = Evaluation.objects.select_related("submission__version", "run__version", "graded_version")
        held = rows.filter(pk=self.id, fence=self.fence, state=State.RUNNING, worker__startswith=f"{token.name}:")
        if (evaluation := held.first()) is None:
            raise LeaseLost
        return evaluation


class Events(OfJob):
    items: Annotated[list[tuple[Annotated[str, Field(max_length=40)], dict[str, Any]]], Field(max_length=EVENTS_MOST)]


class Recorded(Events):
    outcome: dict[str, Any]


class Rejected(OfJob):
    code: Annotated[str, Field(max_length=40)]
    result: dict[str, Any] | None = None


class GivenBack(OfJob):
    broken: bool = False


class Retried(OfJob):
    seconds: Annotated[float, Field(ge=0, le=SECONDS_MOST)]


class Postponed(Retried):
    reason: Annotated[str, Field(max_length=40)]


class ToRead(OfJob):
    store: Name
    name: Annotated[str, Field(max_length=400)]


class ToWrite(OfJob):
    what: Annotated[str, Field(pattern=f"^({RAW}|{ADAPTER}|{TRAINED})$")]
    size: Annotated[int, Field(ge=0, le=files.FILE_MOST)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Kept(OfJob):
    trained: dict[str, Any]


class Reported(OfWorker):
    device: Annotated[str, Field(max_length=80)] = ""
    profile: Annotated[str, Field(max_length=80)] = ""
    base_models: Annotated[dict[Name, Name], Field(max_length=200)] = {}
    problem: Annotated[str, Field(max_length=4000)] = ""
    lacks: Annotated[dict[Name, Annotated[str, Field(max_length=1000)]], Field(max_length=500)] = {}
    busy_with: Key | None = None
    version: Annotated[str, Field(max_length=40)] = ""
    memory_gb: Annotated[float, Field(ge=0, le=1e6)] = 0


class Place(Sent):
    model: Name
    cpu: Name
    threads: Annotated[int, Field(ge=0, le=32767)]
    device: Annotated[str, Field(max_length=80)]
    versions: Name


class Choice(Sent):
    key: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    place: Place | None = None
    digest: Annotated[str, Field(max_length=12)] = ""
    choice: dict[str, Any] = {}


class Nothing(Sent):
    pass


def hello(token: WorkerToken, sent: Nothing) -> dict[str, Any]:
    """Returns what a machine has to know before it begins.

    `weights` are the digests of base models that the site's other workers grade with. Where they differ, that of the
    worker which reported first counts, as in `services.other_weights`.
    """
    others = WorkerStatus.objects.filter(last_seen__gte=timezone.now() - ALIVE).order_by("-pk")
    weights: dict[str, str] = {}
    for models in others.exclude(name__startswith=f"{token.name}:").values_list("base_models", flat=True):
        weights |= models if isinstance(models, dict) else {}
    return {
        "name": token.name,
        "lanes": token.lanes,
        "release": distribution.release(),
        "protocols": PROTOCOLS,
        "time": timezone.now().timestamp(),
        "ends_at": token.ends_at.timestamp(),
        "is_draining": token.is_draining,
        "weights": weights,
    }


def claim(token: WorkerToken, sent: Claim) -> dict[str, Any]:
    """Returns the next job of the lane, or none: then there is nothing to do, or the machine takes no jobs now.

    A worker asks for a job only when it has none. What is still running under its name was lost with an answer, or with
    the process.
    """
    name = sent.name(token)
    for pk, fence in Evaluation.objects.filter(worker=name, state=State.RUNNING).values_list("pk", "fence"):
        if sent.again:
            services.release(pk, fence)
        else:
            services.retry(pk, fence, after_seconds=0)
    if token.is_draining:
        return {"job": None}
    job = jobs.claim(
        sent.lane,
        worker=name,
        profile=sent.profile,
        without=sent.without,
        lease_seconds=lease_seconds(sent.lane),
        is_elsewhere=True,
    )
    if job is None:
        return {"job": None}
    leased = replace(job, lease_seconds=lease_seconds(sent.lane))
    return {"job": JOBS.dump_python(leased, mode="json")}


def lease_seconds(lane: str) -> float:
    return LEASES[lane] * float(settings.LEASE_SECONDS)


def waits(token: WorkerToken, sent: Claim) -> dict[str, Any]:
    sent.name(token)
    return {"waits": services.learner_waits(sent.lane, sent.profile, sent.without)}


def renew(token: WorkerToken, sent: OfJob) -> dict[str, Any]:
    try:
        held = sent.held(token)
    except LeaseLost:
        return {"held": False}
    services.seen_worker(held.worker)
    return {"held": services.heartbeat(sent.id, sent.fence, lease_seconds(held.lane))}


def append_events(token: WorkerToken, sent: Events) -> dict[str, Any]:
    sent.held(token)
    return {"held": services.append_events(sent.id, sent.fence, sent.items)}


def read(token: WorkerToken, sent: ToRead) -> dict[str, Any]:
    """Returns the address of a file that the job names. Raises `Refused`, 404, for another one."""
    return files.to_read(token, job_of(sent.held(token)), sent.store, sent.name)


def write(token: WorkerToken, sent: ToWrite) -> dict[str, Any]:
    """Returns where a file of the job is to be sent, and from which byte on."""
    return files.to_write(token, sent.held(token), sent.what, sent.size)


def written(token: WorkerToken, sent: ToWrite) -> dict[str, Any]:
    """Puts a file that was sent in its place, if it has the digest. Returns its name."""
    return files.keep(sent.held(token), sent.what, sent.size, sent.sha256)


def keep_trained(token: WorkerToken, sent: Kept) -> dict[str, Any]:
    held = sent.held(token)
    if not files.is_kept(held, TRAINED, str(sent.trained.get("file"))):
        raise Refused("not_an_outcome", _("The file of what was trained is not there."), status=422)
    services.keep_trained(sent.id, sent.fence, sent.trained)
    return {}


def record(token: WorkerToken, sent: Recorded) -> dict[str, Any]:
    """Records a grade. Raises `LeaseLost` for one that comes too late, and `Refused` for what is no outcome."""
    if _has_ended(token, sent):
        return {}
    held = sent.held(token)
    outcome = checked_outcome(held, sent.fence, sent.outcome)
    for what, name in ((RAW, outcome.raw), (ADAPTER, outcome.artifact)):
        if name and not files.is_kept(held, what, name):
            raise Refused("not_an_outcome", _("A file that the outcome names is not there."), status=422)
    services.record(sent.id, sent.fence, outcome, sent.items)
    return {}


def reject(token: WorkerToken, sent: Rejected) -> dict[str, Any]:
    if _has_ended(token, sent):
        return {}
    sent.held(token)
    services.reject(sent.id, sent.fence, sent.code, checked_result(sent.result))
    return {}


def _has_ended(token: WorkerToken, sent: OfJob) -> bool:
    """Whether this claim has its end already: the same was handed in twice, because an answer was lost."""
    own = Evaluation.objects.filter(pk=sent.id, fence=sent.fence, worker__startswith=f"{token.name}:")
    return own.exclude(state__in=(State.RUNNING, State.QUEUED)).exists()


def give_back(token: WorkerToken, sent: GivenBack) -> dict[str, Any]:
    held = sent.held(token)
    files.forget(held)
    return {"held": services.release(sent.id, sent.fence, broken=sent.broken)}


def retry(token: WorkerToken, sent: Retried) -> dict[str, Any]:
    sent.held(token)
    return {"held": services.retry(sent.id, sent.fence, after_seconds=sent.seconds)}


def postpone(token: WorkerToken, sent: Postponed) -> dict[str, Any]:
    sent.held(token)
    services.postpone(sent.id, sent.fence, sent.seconds, sent.reason)
    return {}


def another_can(token: WorkerToken, sent: OfJob) -> dict[str, Any]:
    held = sent.held(token)
    job = job_of(held)
    payload = payloads.parse(job.payload)
    return {"can": services.another_can(job.challenge, payload, held.lane, worker=held.worker)}


def report(token: WorkerToken, sent: Reported) -> dict[str, Any]:
    """Notes what a worker says of itself. Returns the base models of which others hold other weights."""
    name = sent.name(token)
    values = sent.model_dump(exclude={"number", "version", "memory_gb"})
    with transaction.atomic():
        services.report_worker({**values, "name": name, "judge": ""})
        said = {"device": sent.device, "version": sent.version, "memory_gb": sent.memory_gb}
        WorkerToken.objects.filter(pk=token.pk).update(report=said, reported_at=timezone.now())
    return {"other_weights": services.other_weights(name, sent.base_models)}


def leave(token: WorkerToken, sent: OfWorker) -> dict[str, Any]:
    """A worker ends: what it may still hold goes back to the queue at once, and it is no longer shown."""
    name = sent.name(token)
    services.end_leases(name)
    services.forget_workers(name)
    return {}


def find_choice(token: WorkerToken, sent: Choice) -> dict[str, Any]:
    return {"choice": proposals.find(sent.key)}


def propose_choice(token: WorkerToken, sent: Choice) -> dict[str, Any]:
    """Takes a choice of the engine as a proposal. Returns the one that counts, none while no other machine agrees."""
    if sent.place is None or not sent.digest:
        raise Refused("not_a_choice", _("The place and the digest of the choice are missing."), status=422)
    return {"choice": proposals.propose(token, sent.key, sent.place.model_dump(), sent.digest, sent.choice)}


CALLS: dict[str, tuple[type[Sent], Callable[[WorkerToken, Any], dict[str, Any]]]] = {
    "hello": (Nothing, hello),
    "claim": (Claim, claim),
    "waits": (Claim, waits),
    "renew": (OfJob, renew),
    "events": (Events, append_events),
    "read": (ToRead, read),
    "write": (ToWrite, write),
    "written": (ToWrite, written),
    "keep": (Kept, keep_trained),
    "record": (Recorded, record),
    "reject": (Rejected, reject),
    "give-back": (GivenBack, give_back),
    "retry": (Retried, retry),
    "postpone": (Postponed, postpone),
    "another-can": (OfJob, another_can),
    "report": (Reported, report),
    "leave": (OfWorker, leave),
    "find-choice": (Choice, find_choice),
    "propose-choice": (Choice, propose_choice),
}
