"""How far the verification of challenge versions has come: lint, baselines and findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from challenges.texts import several
from gradus.courses import verification
from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Evaluation, Run, WorkerStatus
from gradus.submissions.queue import ALIVE
from gradus.submissions.services.proofs import ProofCheck
from gradus.submissions.services.purpose import verifying
from gradus.submissions.services.verification import BaselineCheck, LintCheck
from gradus.submissions.states import State

LINT = "lint"
# A check that a worker gave back for so long is not only waiting for its turn.
POSTPONED = timedelta(minutes=1)


class CheckState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One check of a version. `what` is `lint`, `baseline` or `finding`, and `name` tells checks of one kind apart.

    `score` is what staff and authors may see: a baseline's is rounded down to the challenge's step, and a finding's is
    on public rows. `said` is a sentence, or empty where the state says all.
    """

    what: str
    name: str
    state: CheckState
    score: float | None = None
    said: str = ""

    @property
    def has_ended(self) -> bool:
        return self.state in (CheckState.PASSED, CheckState.FAILED)


@dataclass(frozen=True)
class Progress:
    """The checks of each version by its primary key. `done` of `total` have ended."""

    checks: Mapping[int, list[Check]]

    @property
    def total(self) -> int:
        return sum(map(len, self.checks.values()))

    @property
    def done(self) -> int:
        return sum(check.has_ended for checks in self.checks.values() for check in checks)

    @property
    def is_over(self) -> bool:
        return self.done == self.total


def progress(versions: Iterable[ChallengeVersion]) -> Progress:
    """Returns the progress of the versions, with the same few queries for one version as for a hundred."""
    wanted = [version.pk for version in versions]
    fresh = ChallengeVersion.objects.defer("statement", "solution", "public", "train", "author_baselines")
    by_pk = fresh.in_bulk(wanted)
    waiting = _Open(wanted)
    return Progress({pk: list(_checks(by_pk[pk], waiting)) for pk in wanted if pk in by_pk})


class _Open:
    """The open evaluations of the versions' checks, by version, purpose and name; and the lanes that have a worker."""

    def __init__(self, versions: list[int]) -> None:
        runs = Run.objects.filter(version__in=versions, purpose__in=verifying())
        open_ = Evaluation.objects.open().filter(run__in=runs).order_by("pk")
        rows = open_.values_list(
            "run__version", "run__purpose", "run__label", "state", "lane", "postponed_since", named=True
        )
        self._rows = {(row[0], row[1], row[2]): row for row in rows}
        seen = WorkerStatus.objects.filter(last_seen__gte=timezone.now() - ALIVE)
        self._lanes = set(seen.values_list("lane", flat=True))

    def find(self, version: ChallengeVersion, purpose: str, name: str) -> tuple[CheckState, str] | None:
        """The state of an open check, and what keeps it waiting; None where none is open."""
        row = self._rows.get((version.pk, purpose, name))
        if row is None:
            return None
        if row.state == State.RUNNING:
            return CheckState.RUNNING, ""
        return CheckState.WAITING, self._why(row.lane, row.postponed_since)

    def _why(self, lane: str, postponed: Any) -> str:
        if lane not in self._lanes:
            said = _(
                "No worker that can do it has reported for two minutes. Ask staff to start one of the lane %(lane)s."
            )
            return said % {"lane": lane}
        if postponed is not None and timezone.now() - postponed > POSTPONED:
            return _("A worker could not do it and tries again. The site's staff see why on the page about health.")
        return ""


def _checks(version: ChallengeVersion, waiting: _Open) -> Iterator[Check]:
    yield _lint(version, waiting)
    results = {row["file"]: row for row in version.baselines}
    for ref in version.parsed.baselines:
        yield _baseline(version, ref.file, results.get(ref.file), waiting)
    for row in version.findings:
        yield _finding(version, row, waiting)


def _not_queued() -> str:
    return _("It is not queued. Push or import the course again.")


def _lint(version: ChallengeVersion, waiting: _Open) -> Check:
    if (found := waiting.find(version, LintCheck.name, LINT)) is not None:
        return Check(LINT, LINT, found[0], said=found[1])
    if problems := verification.lint_problems(version):
        more = "" if len(problems) == 1 else f" ({several(len(problems), 'problem')} in all)"
        return Check(LINT, LINT, CheckState.FAILED, said=f"{problems[0]}{more}")
    if version.linted_at is not None:
        return Check(LINT, LINT, CheckState.PASSED)
    if error := version.lint.get("error"):
        return Check(LINT, LINT, CheckState.FAILED, said=verification.LINT_ENDED.format(code=error))
    return Check(LINT, LINT, CheckState.WAITING, said=_not_queued())


def _baseline(version: ChallengeVersion, file: str, row: dict[str, Any] | None, waiting: _Open) -> Check:
    if (found := waiting.find(version, BaselineCheck.name, file)) is not None:
        return Check("baseline", file, found[0], said=found[1])
    if row is None:
        return Check("baseline", file, CheckState.WAITING, said=_not_queued())
    if row["provisional"] and verification.pilot_mode(version):
        # It ran. That people grade the question is no failure, and `lacking` says it once for all baselines.
        return Check("baseline", file, CheckState.PASSED, row["score"])
    said = verification.said_of(file, row)
    return Check("baseline", file, CheckState.FAILED if said else CheckState.PASSED, row["score"], said)


def _finding(version: ChallengeVersion, row: dict[str, Any], waiting: _Open) -> Check:
    name = row["name"]
    if (found := waiting.find(version, ProofCheck.name, row["run"])) is not None:
        return Check("finding", name, found[0], said=found[1])
    if row["ok"] is None:
        return Check("finding", name, CheckState.WAITING, said=_not_queued())
    return Check("finding", name, CheckState.PASSED if row["ok"] else CheckState.FAILED, row["score"], row["said"])
