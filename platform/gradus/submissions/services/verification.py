"""Baselines that run on this server before a version counts as verified: queued behind every learner's work."""

from __future__ import annotations

import math
from typing import Any

from django.db import transaction

from challenges import kinds, payloads
from challenges.shown_score import floor_to_step
from challenges.spec import BaselineRef
from gradus.courses import bundles, verification
from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services.finish import Outcome
from gradus.submissions.services.runs import start_run
from gradus.submissions.states import OPEN


def verify(version: ChallengeVersion) -> int:
    """Queues a run for each baseline without a good result here, and says how many; none where they run already.

    They are graded on hidden rows and write no score: `on_recorded` keeps what is shown of them with the version.

    Raises:
        BundleMissing: private storage lacks the content.
    """
    if version.is_verified:
        return 0
    wanted = set(verification.to_run(version))
    payloads = {one.ref.file: one.payload for one in bundles.load(version).baselines if one.ref.file in wanted}
    with transaction.atomic():
        # Two imports at once queue each baseline once.
        ChallengeVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
        waiting = set(open_runs(version))
        missing = {file: payload for file, payload in payloads.items() if file not in waiting}
        for file, payload in missing.items():
            data = payload.model_dump(mode="json")
            start_run(None, version, data, purpose=Run.Purpose.BASELINE, label=file)
    return len(missing)


def open_runs(version: ChallengeVersion) -> list[str]:
    """The baselines that wait or run at this moment, by file."""
    runs = Run.objects.filter(version=version, purpose=Run.Purpose.BASELINE, evaluations__state__in=OPEN)
    return list(runs.values_list("label", flat=True))


def on_recorded(sender: object, evaluation: Evaluation, outcome: Outcome, **extra: Any) -> None:
    """A baseline has ended: its result goes to the version, in the same transaction."""
    run = _baseline(evaluation)
    if run is None:
        return
    ref, step = _ref(run), run.version.parsed.feedback.step
    result = outcome.result
    row = {
        "score": None if outcome.score is None else floor_to_step(outcome.score, step),
        "ok": not ref.missed(outcome.score),
        "problem": ref.missed(outcome.score),
        "provisional": outcome.unsettled,
        "cost": result.get("cost", {}),
        "training": {name: round(value, 6) for name, value in result.get("training", {}).items()},
    }
    verification.record(run.version_id, {**_about(run, evaluation), **row})


def on_closed(sender: object, evaluation: Evaluation, **extra: Any) -> None:
    """A baseline that was refused, or that no machine could end."""
    run = _baseline(evaluation)
    if run is None:
        return
    row = {"score": None, "ok": False, "problem": f"ended without a score: {evaluation.error_code}"}
    verification.record(
        run.version_id, {**_about(run, evaluation), **row, "provisional": False, "cost": {}, "training": {}}
    )


def _baseline(evaluation: Evaluation) -> Run | None:
    run = evaluation.run
    return run if run is not None and run.purpose == Run.Purpose.BASELINE else None


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
