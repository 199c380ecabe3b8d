"""Checks that run on this server before a version counts as verified: queued behind every learner's work.

They are lint, for what the web server could not check, and the baselines. `proofs` checks findings, on request.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from pydantic import TypeAdapter

from challenges import distribution, payloads
from challenges.bundle import Baseline, ChallengeBundle, sha256_of
from challenges.course_bundle import CourseBundle
from challenges.findings.digest import outcome_digest
from challenges.jobs import Outcome
from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from challenges.problems import Problem
from challenges.shown_score import floor_to_step
from challenges.spec import BaselineRef, Challenge
from gradus.courses import arms, bundles, locks, verification
from gradus.courses.models import BaselineOutcome, ChallengeVersion, CourseVersion
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services.cancel import end_run
from gradus.submissions.services.payload import parse
from gradus.submissions.services.purpose import Purpose, verifying
from gradus.submissions.services.runs import queue_checks
from gradus.submissions.states import OPEN, State

PROBLEMS = TypeAdapter(list[Problem])


class LintCheck(Purpose):
    """Lint of a version, in the lane whose workers embed texts anyway."""

    name = "lint"
    is_awaited = False
    verifies = True

    def lane(self, kind: str) -> Lane:
        return Lane.JUDGE

    def of_version(self, version: ChallengeVersion, arms: str) -> Run:
        """Returns a run, not stored yet. `arms` is the digest of the findings' arms that are checked beside it."""
        return self.run(version, version.parsed.kind, {"arms": arms}, label="lint")

    def checked(self, outcome: Outcome) -> Outcome:
        problems = PROBLEMS.validate_python(outcome.notes.get("problems"))
        return replace(outcome, notes={"problems": problems, "arms": str(outcome.notes.get("arms"))})

    def recorded(self, evaluation: Evaluation, outcome: Outcome) -> None:
        verification.record_lint(evaluation.version_id, outcome.notes["problems"], outcome.notes["arms"])

    def closed(self, evaluation: Evaluation) -> None:
        """Lint that was withdrawn has no result at all."""
        if evaluation.state != State.CANCELLED:
            verification.record_lint_error(evaluation.version_id, evaluation.error_code)


class BaselineCheck(Purpose):
    """A baseline of a version, in the lane of its kind. What is shown of it is stored with the version."""

    name = "baseline"
    is_awaited = False
    verifies = True
    on_hidden_rows = True

    def lane(self, kind: str) -> Lane:
        return kinds.find(kind).lane

    def of_version(self, version: ChallengeVersion, baseline: Baseline) -> Run:
        """Returns a run, not stored yet. Raises `Refused`, 422, for a bad payload.

        Lint has compared it with the public samples, so that a push of many challenges does not read those of each.
        """
        payload = parse(version.parsed, baseline.payload.model_dump(mode="json"))
        return self.run(version, payload.kind, payload.model_dump(mode="json"), label=baseline.ref.file)

    def recorded(self, evaluation: Evaluation, outcome: Outcome) -> None:
        run = evaluation.run
        assert run is not None
        missed, step = _ref(run).missed(outcome.score), run.version.parsed.feedback.step
        row = {
            **_about(run, evaluation),
            "score": None if outcome.score is None else floor_to_step(outcome.score, step),
            "ok": not missed,
            "problem": missed,
            "provisional": outcome.unsettled,
            "cost": outcome.result.get("cost", {}),
            "training": {name: round(value, 6) for name, value in outcome.result.get("training", {}).items()},
        }
        verification.record(run.version_id, row)
        if outcome.score is not None and not outcome.unsettled:
            _keep(run, outcome.score, row)

    def closed(self, evaluation: Evaluation) -> None:
        """A baseline was refused, or no machine could end it. One that was withdrawn has no result at all."""
        run = evaluation.run
        assert run is not None
        if evaluation.state == State.CANCELLED:
            return
        row = {"score": None, "ok": False, "problem": f"ended without a score: {evaluation.error_code}"}
        verification.record(
            run.version_id, {**_about(run, evaluation), **row, "provisional": False, "cost": {}, "training": {}}
        )


LINT, BASELINE = LintCheck(), BaselineCheck()


@dataclass(frozen=True)
class Due:
    """A version with its content, and the digest of the arms of findings that lint has to hold against it."""

    version: ChallengeVersion
    bundle: ChallengeBundle
    arms: str


def verify(version: ChallengeVersion) -> int:
    """Queues lint and a run for each baseline without a good result here, as far as they do not wait or run already.

    Baselines are graded on hidden rows and write no score: what is shown of them is stored with the version.
    What has not run for this version, but for another one that differs only in bounds, marks or texts, does not run
    again. Returns how many baselines were queued.

    Raises:
        BundleMissing: private storage lacks the content.
    """
    of_arms = arms.digest_of(arms.of(version))
    if not _is_due(version, of_arms):
        return 0
    return _verify(version.challenge.course_id, [Due(version, bundles.load(version), of_arms)])


@transaction.atomic
def _verify(course_id: int, due: list[Due]) -> int:
    """Queues the checks of versions of one course as `verify` does, with few queries for any number of them."""
    # Two imports at once queue each check once.
    held = locks.hold_versions(course_id, [one.version.pk for one in due])
    now = [replace(one, version=held[one.version.pk]) for one in due if one.version.pk in held]
    to_lint = _without_open_lint([one for one in now if _lint_is_due(one.version, one.arms)])
    to_run = _to_run(now)
    keys = [key for baselines in to_run.values() for _baseline, key in baselines if key]
    outcomes = {one.key: one for one in BaselineOutcome.objects.filter(key__in=keys)}
    checks: list[Run] = []
    for one in now:
        version, rows = one.version, []
        if version.pk in to_lint:
            checks.append(LINT.of_version(version, one.arms))
        for baseline, key in to_run[version.pk]:
            if key in outcomes:
                rows.append(_row(version.parsed, baseline, outcomes[key]))
            else:
                checks.append(BASELINE.of_version(version, baseline))
        if rows:
            verification.note_results(version, rows)
    queue_checks(checks)
    return sum(run.purpose == BASELINE.name for run in checks)


def _is_due(version: ChallengeVersion, of_arms: str) -> bool:
    return not version.is_verified or _lint_is_due(version, of_arms)


def _lint_is_due(version: ChallengeVersion, of_arms: str) -> bool:
    """Whether lint has not passed here, or not beside the arms of findings with this digest."""
    return version.linted_at is None or bool(of_arms and version.lint.get("arms") != of_arms)


def _without_open_lint(due: list[Due]) -> set[int]:
    """Returns the versions whose lint is not open already. One that was queued beside other arms is withdrawn: it may
    have read them, and would verify the version without a look at these.
    """
    wanted = {one.version.pk: one.arms for one in due}
    open_ = Evaluation.objects.open().filter(run__version__in=wanted, run__purpose=LINT.name).order_by("pk")
    found = set()
    for evaluation in open_.select_related("run").select_for_update(of=("self",)):
        assert evaluation.run is not None
        if evaluation.run.payload.get("arms") == wanted[evaluation.run.version_id]:
            found.add(evaluation.run.version_id)
        else:
            end_run(evaluation)
    return wanted.keys() - found


def _to_run(due: list[Due]) -> dict[int, list[tuple[Baseline, str]]]:
    """Returns by version the baselines that must run, each with the key of an outcome that can take its place; it is
    empty for one that ran for this version and failed.
    """
    of_due = Run.objects.filter(version__in=[one.version.pk for one in due], purpose=BASELINE.name)
    waiting = set(of_due.filter(evaluations__state__in=OPEN).values_list("version", "label"))
    release, found = distribution.release(), {}
    for one in due:
        version, known = one.version, {row["file"] for row in one.version.baselines}
        wanted = set() if version.is_verified else set(verification.to_run(version))
        found[version.pk] = [
            (baseline, "" if baseline.ref.file in known else _key(one.bundle, baseline, release))
            for baseline in one.bundle.baselines
            if baseline.ref.file in wanted and (version.pk, baseline.ref.file) not in waiting
        ]
    return found


def withdraw_checks(versions: Iterable[ChallengeVersion]) -> int:
    """Cancels the open checks of versions that nobody needs any more, and returns how many those were.

    A worker that carries one out notices it at its next heartbeat. What has ended already stays stored.
    """
    runs = Run.objects.filter(version__in=versions, purpose__in=verifying())
    open_ = Evaluation.objects.open().filter(run__in=runs)
    with transaction.atomic():
        return sum(end_run(evaluation) for evaluation in open_.unlocked())


def on_staged(
    sender: object, version: CourseVersion, challenges: list[ChallengeVersion], bundle: CourseBundle, **extra: Any
) -> None:
    """The draft of a course was made: its challenges are verified, in the same transaction."""
    contents = {content.challenge.id: content for content in bundle.challenges}
    due = []
    for one in challenges:
        name = one.challenge.name
        of_arms = arms.digest_of(arms.in_bundle(bundle, name))
        if _is_due(one, of_arms):
            due.append(Due(one, contents[name], of_arms))
    _verify(version.course_id, due)
    withdraw_checks(verification.unneeded(version.course))


def on_went_live(sender: object, version: CourseVersion, **extra: Any) -> None:
    """Another content went live: what waited to go live before it is not checked any more."""
    withdraw_checks(verification.unneeded(version.course))


def _key(bundle: ChallengeBundle, baseline: Baseline, release: str) -> str:
    """A later release may grade otherwise, so it runs the baseline again."""
    return sha256_of({"release": release, "outcome": outcome_digest(bundle, baseline)})


def _row(challenge: Challenge, baseline: Baseline, kept: BaselineOutcome) -> dict[str, Any]:
    """What is shown of an outcome under this challenge's bounds and step."""
    problem = baseline.ref.missed(kept.score)
    return {
        "file": baseline.ref.file,
        "kind": baseline.payload.kind,
        "approach": kinds.find(baseline.payload.kind).approach(baseline.payload),
        "seconds": kept.seconds,
        "score": floor_to_step(kept.score, challenge.feedback.step),
        "ok": not problem,
        "problem": problem,
        "provisional": False,
        "cost": kept.cost,
        "training": kept.training,
    }


def open_runs(version: ChallengeVersion) -> list[str]:
    """The baselines that wait or run at this moment, by file."""
    return list(_open(version, BASELINE.name).values_list("label", flat=True))


def lint_waits(version: ChallengeVersion) -> bool:
    """Whether lint of the version waits or runs at this moment."""
    return _open(version, LINT.name).exists()


def _open(version: ChallengeVersion, purpose: str) -> QuerySet[Run]:
    return Run.objects.filter(version=version, purpose=purpose, evaluations__state__in=OPEN)


def _keep(run: Run, score: float, row: dict[str, Any]) -> None:
    """Keeps the exact score, unless a judge has decided it: another calibration may decide otherwise."""
    if kinds.find(run.kind).is_judged:
        return
    bundle = bundles.load(run.version)
    baseline = next(one for one in bundle.baselines if one.ref.file == run.label)
    values = {name: row[name] for name in ("cost", "training", "seconds")}
    BaselineOutcome.objects.update_or_create(
        key=_key(bundle, baseline, distribution.release()),
        defaults={**values, "score": score, "recorded_at": timezone.now()},
    )


def _ref(run: Run) -> BaselineRef:
    return next(ref for ref in run.version.parsed.baselines if ref.file == run.label)


def _about(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    took = evaluation.finished_at - evaluation.started_at if evaluation.finished_at and evaluation.started_at else None
    return {
        "file": run.label,
        "kind": run.kind,
        "approach": kinds.find(run.kind).approach(payloads.parse(run.payload)),
        "seconds": math.ceil(took.total_seconds()) if took else 0,
    }
