"""The health of grading: what waits and for how long, which workers run, and what needs an admin.

The metrics for Prometheus are read from the database too, so that all web processes report equal values.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from prometheus_client import REGISTRY
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from challenges.kinds.base import Lane
from gradus.accounts.models import Enrolment, User
from gradus.accounts.token_rules import Content
from gradus.courses import days
from gradus.courses.models import Course
from gradus.submissions import queue
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, ReconcilerStatus, Slot, WorkerStatus
from gradus.submissions.queue import ALIVE
from gradus.submissions.states import State

# The reconciler runs every ten seconds, so it has missed twelve rounds by then.
RECONCILER_LATE = timedelta(minutes=2)
OVERDUE = timedelta(minutes=15)
# Failures through a fault of ours in one lane within an hour that an admin is told about.
FAILED_WITHIN, FAILURES = timedelta(hours=1), 3
# What verifies a version and measurements of costs wait until nothing else waits, so their age says nothing.
AWAITED = Q(fair_share_rank__lt=queue.VERIFICATION_RANK)
SHOWN = 100
# The reconciler deletes some accounts in each round, so a due one is gone long before.
HELD_UP_AFTER = timedelta(hours=1)
OUT_OF_TIME, OUT_OF_TIME_WITHIN = ("timeout", "work_limit"), timedelta(days=1)


@dataclass(frozen=True)
class LaneHealth:
    """The state of a lane. `oldest_s` is the age of the oldest open evaluation in seconds, 0 if none is open.

    What verifies a version and measurements of costs are not counted in `oldest_s`. `failed` counts the
    evaluations that ended in the last hour through a fault of ours, by error code. `troubled` is the number of workers
    that report a problem, and `problems` has each problem with the names of the workers that report it.
    """

    lane: str
    queued: int
    running: int
    oldest_s: float
    workers: int
    troubled: int
    failed: Mapping[str, int]
    problems: tuple[str, ...]


def lanes() -> list[LaneHealth]:
    """Returns the state of each lane."""
    counts = Evaluation.objects.open().values("lane").annotate(
        queued=Count("pk", filter=Q(state=State.QUEUED)),
        running=Count("pk", filter=Q(state=State.RUNNING)),
        oldest=Min("created_at", filter=AWAITED),
    )  # fmt: skip
    by_lane, now = {row["lane"]: row for row in counts}, timezone.now()
    seen = list(WorkerStatus.objects.filter(last_seen__gte=now - ALIVE).order_by("name"))
    failed = _failed(now - FAILED_WITHIN)
    return [
        _lane(lane, by_lane.get(lane, {}), [worker for worker in seen if worker.lane == lane], failed.get(lane, {}))
        for lane in [*Lane]
    ]


def _lane(lane: str, row: Mapping[str, Any], seen: list[WorkerStatus], failed: Mapping[str, int]) -> LaneHealth:
    oldest = (timezone.now() - row["oldest"]).total_seconds() if row.get("oldest") else 0.0
    named: dict[str, list[str]] = {}
    for worker in seen:
        if worker.problem:
            named.setdefault(worker.problem, []).append(worker.name)
    return LaneHealth(
        lane,
        row.get("queued", 0),
        row.get("running", 0),
        oldest,
        len(seen),
        sum(map(len, named.values())),
        failed,
        tuple(f"{', '.join(names)}: {problem}" for problem, names in sorted(named.items())),
    )


def _failed(since: datetime) -> dict[str, dict[str, int]]:
    """Returns how many evaluations have failed since then, by lane and error code."""
    # The index on the end begins with the lane.
    ended = Evaluation.objects.filter(lane__in=[*Lane], finished_at__gte=since, state=State.FAILED)
    # A run that has done all the work that it may do is no fault of ours.
    ended = ended.exclude(run__isnull=False, error_code="work_limit")
    failed: dict[str, dict[str, int]] = {}
    for lane, code, count in ended.order_by().values_list("lane", "error_code").annotate(Count("pk")):
        failed.setdefault(lane, {})[code] = count
    return failed


@dataclass(frozen=True)
class OutOfTime:
    """Jobs of one challenge in one lane that ended through one limit of time in the last day.

    `code` is `timeout`, the time that passed, or `work_limit`, the computing time of the job itself. `attempts` are
    those of them that were attempts of learners, which were given back. `last` is when the last of them ended.
    """

    lane: str
    challenge: str
    code: str
    in_a_day: int
    in_an_hour: int
    attempts: int
    last: datetime


def out_of_time() -> list[OutOfTime]:
    """Returns the jobs that ran out of time in the last day by lane, challenge and code, the most frequent first."""
    now = timezone.now()
    # The index on the end begins with the lane.
    ended = Evaluation.objects.filter(
        lane__in=[*Lane], finished_at__gte=now - OUT_OF_TIME_WITHIN, error_code__in=OUT_OF_TIME
    )
    slug = Coalesce("submission__challenge__slug", "run__version__challenge__slug")
    rows = ended.order_by().values("lane", "error_code", challenge=slug).annotate(
        in_a_day=Count("pk"),
        in_an_hour=Count("pk", filter=Q(finished_at__gte=now - FAILED_WITHIN)),
        attempts=Count("submission"),
        last=Max("finished_at"),
    )  # fmt: skip
    known: list[dict[str, Any]] = [dict(row) for row in rows]
    found = [OutOfTime(code=row.pop("error_code"), **row) for row in known]
    return sorted(found, key=lambda one: (-one.in_a_day, one.lane, one.challenge, one.code))


def networks_at_limit() -> int:
    """Returns how often a network has used all its attempts at a challenge, today or yesterday."""
    yesterday = days.today("UTC") - timedelta(days=1)
    recent = Slot.objects.of(limits.NETWORK_ATTEMPTS).filter(period__gte=yesterday.isoformat())
    used = recent.values("scope", "period").annotate(used=Count("pk"), allowed=Min("allowed"))
    return used.filter(used__gte=F("allowed")).count()


def overdue() -> QuerySet[Evaluation]:
    """Returns the evaluations that have been open for more than 15 minutes, oldest first."""
    late = Evaluation.objects.open().filter(AWAITED, created_at__lt=timezone.now() - OVERDUE)
    return late.select_related("submission__challenge", "submission__user", "run__version").order_by("created_at")


@dataclass(frozen=True)
class HeldUp:
    """An account whose deletion is due and was not done, with the courses of which it is the only owner."""

    user: User
    only_owner_of: list[Course]


def deletions_held_up() -> list[HeldUp]:
    """Returns the accounts whose deletion has been due for an hour, the oldest first."""
    late = User.objects.filter(deletion_due_at__lt=timezone.now() - HELD_UP_AFTER).order_by("deletion_due_at", "pk")
    people = list(late[:SHOWN])
    if not people:
        return []
    owners = Enrolment.objects.filter(content=Content.OWNER, user__is_active=True)
    others = owners.filter(course=OuterRef("course")).exclude(pk=OuterRef("pk"))
    alone = Enrolment.objects.filter(~Exists(others), content=Content.OWNER, user__in=people).select_related("course")
    courses: dict[int, list[Course]] = {}
    for role in alone.order_by("course__title"):
        courses.setdefault(role.user_id, []).append(role.course)
    return [HeldUp(one, courses.get(one.pk, [])) for one in people]


def last_sweep() -> ReconcilerStatus | None:
    """Returns what the reconciler reported after its last round, or None if it has never run."""
    return ReconcilerStatus.objects.order_by("-last_run").first()


def reconciler_late() -> bool:
    """Returns True if no reconciler has finished a round in the last two minutes."""
    last = last_sweep()
    return last is None or timezone.now() - last.last_run > RECONCILER_LATE


def alerts() -> list[str]:
    """Returns what an admin should act on now. docs/operations/upkeep.md explains each of these texts."""
    texts = []
    if reconciler_late():
        texts.append(_("The reconciler has not run for two minutes"))
    last = last_sweep()
    if last is not None and last.broken:
        texts.append(_("The reconciler reports faults: %(names)s") % {"names": ", ".join(sorted(last.broken))})
    for lane in lanes():
        if (lane.queued or lane.running) and not lane.workers:
            texts.append(_("Work waits in the lane %(lane)s, but no worker runs there") % {"lane": lane.lane})
        if lane.problems:
            said = _("A worker in the lane %(lane)s cannot work: %(problem)s")
            texts.extend(said % {"lane": lane.lane, "problem": problem} for problem in lane.problems)
        if (count := sum(lane.failed.values())) >= FAILURES:
            said = _("In the lane %(lane)s, %(count)d evaluations failed in the last hour: %(codes)s")
            codes = ", ".join(f"{code} {number}" for code, number in sorted(lane.failed.items()))
            texts.append(said % {"lane": lane.lane, "count": count, "codes": codes})
    if late := overdue().count():
        texts.append(_("Open for over 15 minutes: %(count)d") % {"count": late})
    if waiting := len(deletions_held_up()):
        texts.append(_("Accounts that are due to be deleted and could not be: %(count)d") % {"count": waiting})
    return texts


class Grading(Collector):
    def describe(self) -> list[Metric]:
        """Returns nothing. Otherwise, registering this collector would query the database while the site starts."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            metrics = [*lane_metrics(), *sweep_metrics()]
        except DatabaseError:
            metrics = []
        yield gauge("gradus_database_up", "1 if the database answered this scrape, else 0", float(bool(metrics)))
        yield from metrics


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def lane_metrics() -> Iterator[Metric]:
    waiting = GaugeMetricFamily("gradus_open_evaluations", "Evaluations that have not ended", labels=("lane", "state"))
    oldest = GaugeMetricFamily("gradus_oldest_open_seconds", "Age of the oldest open evaluation", labels=("lane",))
    workers = GaugeMetricFamily("gradus_workers", "Workers seen in the last two minutes", labels=("lane",))
    troubled = GaugeMetricFamily(
        "gradus_troubled_workers", "Workers seen in the last two minutes that report a problem", labels=("lane",)
    )
    failed = GaugeMetricFamily(
        "gradus_failed_evaluations",
        "Evaluations that failed in the last hour through a fault of ours",
        labels=("lane", "code"),
    )
    for lane in lanes():
        waiting.add_metric((lane.lane, "queued"), lane.queued)
        waiting.add_metric((lane.lane, "running"), lane.running)
        oldest.add_metric((lane.lane,), lane.oldest_s)
        workers.add_metric((lane.lane,), lane.workers)
        troubled.add_metric((lane.lane,), lane.troubled)
        for code in {"internal": 0, **lane.failed}:
            failed.add_metric((lane.lane, code), lane.failed.get(code, 0))
    yield from (waiting, oldest, workers, troubled, failed)
    yield gauge("gradus_overdue_evaluations", "Open for over 15 minutes", overdue().count())


def sweep_metrics() -> Iterator[Metric]:
    """Yields metrics of the reconciler. If it has never run, the time of its last run is 0."""
    last = last_sweep()
    ran = last.last_run.timestamp() if last else 0.0
    yield gauge("gradus_reconciler_last_run_timestamp_seconds", "When a reconciler last ended a round", ran)
    broken = sum(last.broken.values()) if last else 0
    yield gauge("gradus_invariants_broken", "Rows that break an invariant, as the last round counted", broken)


def register_metrics() -> None:
    REGISTRY.register(Grading())
