"""Checks the findings of a course on request: their records, and the first repetition of each arm on public rows.

A record has to be fresh and its claims have to hold, as `gradus challenge prove --check` asks. Each arm's first
repetition is then run by the workers, behind every learner's work, and its scores on public rows are compared with
those of the author's record. No hidden row is part of it. The rows in `ChallengeVersion.findings` say what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from challenges.bundle import canonical_json
from challenges.course_bundle import LessonBundle
from challenges.findings.digest import finding_digest, run_digest
from challenges.findings.reproduced import public_values, tolerance
from challenges.findings.runs import repetition
from challenges.findings.spec import Arm, ArmRecord, Experiment, Finding, FindingRecord, Measure
from challenges.jobs import Outcome
from challenges.kinds import registry as kinds
from challenges.kinds.base import Lane
from challenges.lint.records import in_words
from gradus.courses import locks, publishing
from gradus.courses.models import ChallengeVersion, CourseVersion
from gradus.refusal import Refused
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.services.cancel import end_run
from gradus.submissions.services.purpose import Purpose
from gradus.submissions.services.runs import Repetition, start_run
from gradus.submissions.states import State

Row = dict[str, Any]
RESULT = ("ok", "score", "said")
PROVE = "Run `gradus challenge prove`, and push the course again."


class ProofCheck(Purpose):
    """A repetition of a finding's arm, whose scores on public rows are compared with the author's record."""

    name = "proof"
    is_awaited = False
    verifies = True
    is_whole = True
    has_plain_metric = True

    def lane(self, kind: str) -> Lane:
        return kinds.find(kind).lane

    def load(self, run: Run) -> dict[str, Any]:
        """Returns the training seed of the repetition. Without one, the challenge's is used."""
        return {"seed": next((int(row["seed"]) for row in run.version.findings if row["run"] == run.label), None)}

    def recorded(self, evaluation: Evaluation, outcome: Outcome) -> None:
        run = evaluation.run
        assert run is not None
        version = locks.hold_version(run.version_id)
        values = public_values(version.parsed, outcome.result.get("public") or {})
        for row in version.findings:
            if row["run"] == run.label:
                differences = _differences(row["expected"], values)
                row.update(ok=not differences, said=differences, score=_shown(values.get("score")))
        version.save(update_fields=["findings"])

    def closed(self, evaluation: Evaluation) -> None:
        """A repetition was refused, or no machine could end it. One that was withdrawn has no result."""
        run = evaluation.run
        assert run is not None
        if evaluation.state == State.CANCELLED:
            return
        version = locks.hold_version(run.version_id)
        _end_rows(version, run.label, f"It ended without a score ({evaluation.error_code}). Check the findings again.")
        version.save(update_fields=["findings"])


def verify_findings(version: CourseVersion) -> int:
    """Checks all findings of a content, live or a draft, and queues the repetitions that have not passed here.

    What has passed for the same submission and record stays as it is. Returns how many repetitions were queued.

    Raises:
        BundleMissing: the archive of the content was not kept, or private storage has lost it.
    """
    here = {one.challenge.name: one for one in publishing.versions_in(version)}
    rows: dict[str, list[Row]] = {}
    for lesson in publishing.bundle_of(version).lessons:
        for challenge, row in _rows(lesson):
            rows.setdefault(challenge, []).append(row)
    return sum(_store(one, rows.get(name, [])) for name, one in here.items() if name in rows or one.findings)


def _rows(lesson: LessonBundle) -> Iterator[tuple[str, Row]]:
    """The rows about a lesson's findings, each with the challenge on whose public rows it is checked."""
    for finding in lesson.findings:
        record = lesson.records.findings.get(finding.id)
        said = _problem(finding, record, lesson)
        for experiment in finding.experiments:
            yield experiment.challenge, _row(finding, "", ok=not said, said=said)
            # A control is no submission, so its record is checked and nothing of it is run.
            for arm in (one for one in experiment.arms if one.control is None):
                yield experiment.challenge, _arm(finding, experiment, arm, record, lesson)


def _row(finding: Finding, arm: str, **values: Any) -> Row:
    blank: Row = {"run": "", "seed": None, "expected": {}, "score": None, "ok": None, "said": ""}
    return {"finding": finding.id, "arm": arm, "name": f"{finding.id} {arm}".strip(), **blank, **values}


def _problem(finding: Finding, record: FindingRecord | None, lesson: LessonBundle) -> str:
    """What is wrong with a finding's record, as a sentence; empty if it is fresh and all claims hold."""
    if record is None:
        return f"The finding has no record. {PROVE}"
    bundles = {challenge.challenge.id: challenge for challenge in lesson.challenges}
    if record.digest != finding_digest(finding, bundles, lesson.arms):
        return f"The record is stale: rows, arms, claims, metric or model have changed since. {PROVE}"
    for experiment in record.experiments:
        for number, (claim, measured) in enumerate(zip(finding.claims, experiment.claims, strict=False), 1):
            if not measured.holds or measured.found != claim.found:
                return f"Claim {number} does not hold on {experiment.challenge}: {in_words(claim, measured)}."
    return ""


def _arm(finding: Finding, experiment: Experiment, arm: Arm, record: FindingRecord | None, lesson: LessonBundle) -> Row:
    """The row of an arm's first repetition before it was run, with what the author's record expects of it."""
    bundle = next(one for one in lesson.challenges if one.challenge.id == experiment.challenge)
    first = repetition(arm, bundle, lesson.arms, 1)
    recorded = _recorded(record, experiment.challenge, arm.id)
    is_trained = kinds.find(first.payload.kind).is_trained
    expected = {}
    for measure, value in (recorded.runs[0].public if recorded and recorded.runs else {}).items():
        assert recorded is not None
        most = tolerance(bundle.challenge, recorded, measure, len(bundle.public), is_trained=is_trained)
        expected[measure] = [value, round(most, 4)]
    if not expected:
        return _row(finding, arm.id, ok=False, said=f"The record has no scores on public rows. {PROVE}")
    content = {"payload": first.payload.model_dump(mode="json"), "seed": first.bundle.seed}
    return _row(finding, arm.id, run=run_digest(first), expected=expected, **content)


def _recorded(record: FindingRecord | None, challenge: str, arm: str) -> ArmRecord | None:
    experiments = record.experiments if record else ()
    return next((one for e in experiments if e.challenge == challenge for one in e.arms if one.id == arm), None)


@transaction.atomic
def _store(version: ChallengeVersion, rows: list[Row]) -> int:
    """Stores the rows and queues what they need; what waits for rows that are gone is cancelled."""
    now = locks.hold_version(version.pk)
    passed = {_key(row): {key: row[key] for key in RESULT} for row in now.findings if row["ok"] and row["run"]}
    payloads = {row["run"]: row.pop("payload") for row in rows if row["run"]}
    now.findings = [row | passed.get(_key(row), {}) for row in rows]
    wanted: dict[str, Row] = {}
    for row in now.findings:
        if row["ok"] is None:
            wanted.setdefault(row["run"], row)
    open_ = Evaluation.objects.open().filter(run__version=now, run__purpose=ProofCheck.name)
    waiting = {}
    for evaluation in open_.select_related("run"):
        assert evaluation.run is not None
        if evaluation.run.label in wanted:
            waiting[evaluation.run.label] = evaluation
        else:
            end_run(evaluation)
    queued = 0
    for digest, row in wanted.items():
        if digest not in waiting:
            queued += _start(now, row, payloads[digest])
    now.save(update_fields=["findings"])
    return queued


def _key(row: Row) -> tuple[str, str]:
    # PostgreSQL gives the keys of an object back in another order.
    return row["run"], canonical_json(row["expected"])


def _start(version: ChallengeVersion, row: Row, payload: Any) -> bool:
    """Queues a repetition; a submission that the challenge refuses fails at once, with the reason."""
    repeats = Repetition(row["finding"], row["arm"], 1)
    try:
        start_run(None, version, payload, purpose=ProofCheck.name, label=row["run"], repeats=repeats)
    except Refused as refused:
        _end_rows(version, row["run"], f"The challenge refuses this submission: {refused}")
        return False
    return True


def _end_rows(version: ChallengeVersion, run: str, said: str, score: float | None = None) -> None:
    for row in version.findings:
        if row["run"] == run and row["ok"] is None:
            row.update(ok=False, said=said, score=score)


def _shown(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _differences(expected: dict[Measure, list[float]], values: dict[Measure, float]) -> str:
    """How the scores differ from the record by more than another machine explains, as sentences."""
    said = [
        f"{measure} on public rows is {values[measure]:.4f} here, but {value:.4f} in the record; "
        f"up to {most:.4f} could be another machine's rounding."
        for measure, (value, most) in expected.items()
        if measure in values and abs(values[measure] - value) > most
    ]
    missing = [measure for measure in expected if measure not in values]
    said += [f"{measure} on public rows was not measured here." for measure in missing]
    return " ".join([*said, PROVE] if said else said)
