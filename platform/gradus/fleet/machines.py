"""What the page *Workers* shows: each machine that works for the site, with its token or as one of the site's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Value
from django.db.models.functions import Concat, StrIndex, Substr
from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.kinds.base import Lane
from challenges.training_methods import LACKS, METHODS
from challenges.translation import translated
from gradus.fleet.models import WorkerToken
from gradus.submissions.models import Evaluation, WorkerStatus
from gradus.submissions.queue import ALIVE
from gradus.submissions.states import GRADED, State

COUNTED_DAYS = 30
# A worker's name is its machine's, its lane and a number.
SEPARATOR = ":"


@dataclass(frozen=True)
class Machine:
    """A machine and its workers, which have reported in the last day. `token` is None for one of the site's own.

    `done` and `failed` count the jobs that ended there in the last `COUNTED_DAYS` days. `at_work` has the numbers of
    the evaluations that it computes now.
    """

    name: str
    token: WorkerToken | None
    workers: list[WorkerStatus]
    done: int
    failed: int
    at_work: list[int]

    @property
    def lanes(self) -> list[str]:
        return self.token.lanes if self.token else sorted({worker.lane for worker in self.workers})

    @property
    def device(self) -> str:
        return self._said("device") or ", ".join(sorted({one.device for one in self.workers if one.device}))

    @property
    def version(self) -> str:
        """The version of Gradus there, or "" where the machine has not said it."""
        return self._said("version")

    def _said(self, key: str) -> str:
        report: Any = self.token.report if self.token else {}
        said = report.get(key) if isinstance(report, dict) else None
        return said[:80] if isinstance(said, str) else ""

    @property
    def last_report(self) -> datetime | None:
        seen = [worker.last_seen for worker in self.workers]
        seen += [self.token.reported_at] if self.token and self.token.reported_at else []
        return max(seen, default=None)

    @property
    def is_alive(self) -> bool:
        return self.last_report is not None and self.last_report >= timezone.now() - ALIVE

    @property
    def state(self) -> str:
        """What became of the token: `waits`, `bound`, `ended` or `revoked`; `own` without a token."""
        if self.token is None:
            return "own"
        if self.token.revoked_at:
            return "revoked"
        if self.token.ends_at <= timezone.now():
            return "ended"
        return "bound" if self.token.machine else "waits"

    @property
    def is_live(self) -> bool:
        return self.state in ("waits", "bound")

    @property
    def problems(self) -> dict[str, list[str]]:
        """Why which workers cannot work now and how to mend it, by the sentence, with the names of their lanes."""
        found: dict[str, list[str]] = {}
        for worker in self.workers:
            if worker.problem:
                found.setdefault(worker.problem, []).append(worker.lane)
        return found

    @property
    def lacks(self) -> list[str]:
        """The training methods that it cannot carry out, each with the reason."""
        said = {}
        for worker in self.workers:
            for need, reason in worker.lacks.items():
                method, _slash, model = need.partition("/")
                title = translated(METHODS[method].title) if method in METHODS else method
                named = {"method": title, "model": model, "reason": translated(str(reason), LACKS)}
                said[need] = _("%(method)s of %(model)s: %(reason)s") % named
        return list(said.values())


def machines() -> list[Machine]:
    """Returns all machines: those that may work first, then those with a token that has ended, each by name."""
    tokens = {token.name: token for token in WorkerToken.objects.all()}
    workers: dict[str, list[WorkerStatus]] = {name: [] for name in tokens}
    for worker in WorkerStatus.objects.order_by("name"):
        workers.setdefault(worker.name.partition(SEPARATOR)[0], []).append(worker)
    counts, there = _counts(), _there(worker for some in workers.values() for worker in some)
    found = [
        Machine(
            name,
            tokens.get(name),
            some,
            *counts.get(name, (0, 0)),
            [worker.busy_with for worker in some if worker.busy_with in there],
        )
        for name, some in workers.items()
    ]
    return sorted(found, key=lambda one: (one.state in ("ended", "revoked"), one.name))


def _there(workers: Iterable[WorkerStatus]) -> set[int]:
    """The evaluations that workers name and that are still there."""
    named = {worker.busy_with for worker in workers if worker.busy_with is not None}
    return set(Evaluation.objects.filter(pk__in=named).values_list("pk", flat=True)) if named else set()


def _counts() -> dict[str, tuple[int, int]]:
    """The jobs that ended well and that failed in the last days, by the machine's name."""
    since = timezone.now() - timedelta(days=COUNTED_DAYS)
    # The index on the end begins with the lane.
    ended = Evaluation.objects.filter(lane__in=[*Lane], finished_at__gte=since).exclude(worker="")
    # A separator is added, so that there is one in every name.
    name = Substr("worker", 1, StrIndex(Concat("worker", Value(SEPARATOR)), Value(SEPARATOR)) - 1)
    # What a learner's work itself was refused for is a job done.
    done, failed = Q(state__in=(*GRADED, State.REJECTED)), Q(state=State.FAILED)
    rows = ended.order_by().annotate(on=name).values("on")
    counted = rows.annotate(done=Count("pk", filter=done), failed=Count("pk", filter=failed))
    return {row["on"]: (row["done"], row["failed"]) for row in counted}
