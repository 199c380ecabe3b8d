"""Formats findings and their records for `gradus challenge prove`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean
from typing import Any

from challenges.findings.spec import ArmRecord, Claim, ClaimRecord, CostName, Finding, FindingRecord
from challenges.lint.records import in_words
from challenges.problems import Problem

COSTS: dict[CostName, str] = {"training_seconds": "trained in %.1f s", "ms": "%.1f ms a request"}


def lines(finding: Finding, record: FindingRecord, state: str) -> Iterator[str]:
    """Yields the lines about a finding: its arms with their scores, and each claim with its result."""
    yield f"{finding.id}: {state}"
    for experiment in record.experiments:
        yield f"  {experiment.challenge}, {experiment.rows} {finding.rows} rows"
        for arm in experiment.arms:
            yield f"    {arm.id}: {', '.join([_scores(arm), *_costs(arm)])}"
        for n, (claim, result) in enumerate(zip(finding.claims, experiment.claims, strict=True), 1):
            said = "holds" if result.holds else "DOES NOT HOLD"
            yield f"    claim {n}, {_compared(claim)} ({claim.measure}): {said}; {in_words(claim, result)}"


def _compared(claim: Claim) -> str:
    if claim.found == "spread":
        return ", ".join(claim.arms)
    return f"{claim.arms[0]} against {'the best of ' if claim.best else ''}{claim.arms[1]}"


def _scores(arm: ArmRecord) -> str:
    parts = []
    for measure, mean in arm.mean.items():
        values = [run.values[measure] for run in arm.runs]
        rest = f" ({min(values):.4f} to {max(values):.4f} in {len(values)} runs)" if len(values) > 1 else ""
        parts.append(f"{measure} {mean:.4f}{rest}")
    return ", ".join(parts)


def _costs(arm: ArmRecord) -> Iterator[str]:
    """The means over the repetitions whose cost is known."""
    for name, said in COSTS.items():
        if known := [run.cost[name] for run in arm.runs if name in run.cost]:
            yield said % fmean(known)


def as_json(finding: Finding, lesson: str, record: FindingRecord | None, *, fresh: bool) -> dict[str, Any]:
    """A finding with its record and its claims, in the order of the record. `holds` is true only for a fresh record."""
    return {
        "id": finding.id,
        "lesson": lesson,
        "fresh": fresh,
        "holds": fresh and record is not None and holds(record),
        "claimed": [claim.found for claim in finding.claims],
        "record": record.model_dump(mode="json") if record else None,
    }


def holds(record: FindingRecord) -> bool:
    """Whether every claim holds in every experiment."""
    return all(claim.holds for claim in claims(record))


def claims(record: FindingRecord) -> Iterator[ClaimRecord]:
    """Yields the results of all claims in all experiments."""
    for experiment in record.experiments:
        yield from experiment.claims


def problem_as_json(problem: Problem) -> dict[str, Any]:
    """A problem as a JSON object."""
    return {"file": problem.file, "line": problem.line, "what": problem.what, "fix": problem.fix}
