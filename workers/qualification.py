"""One report on a judge over all free-text questions of a course: can its grades be trusted, and what do they cost?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from challenges.bundle import BundleErrors, ChallengeBundle, read_challenge, read_course, read_lesson
from challenges.lint import MARKERS
from challenges.source import Problem
from challenges.spec import GoldAnswer, Kind
from graders.free_text.calibration import person_score
from workers import calibration
from workers.ledger import Ledger

Row = TypeVar("Row")


def questions(path: Path) -> list[ChallengeBundle]:
    """The free-text challenges of a course, a lesson or a challenge, by the file that lies in the folder `path`.

    Raises BundleErrors for a bundle that cannot be read, and where there is no graded free-text question.
    """
    if (path / "course.yaml").exists():
        found = [challenge for lesson in read_course(path).lessons for challenge in lesson.challenges]
    elif (path / "lesson.yaml").exists():
        found = list(read_lesson(path).challenges)
    else:
        found = [read_challenge(path)]
    asked = [bundle for bundle in found if bundle.challenge.kind is Kind.FREE_TEXT and _is_graded(bundle)]
    if not asked:
        hint = f"name a folder with {', '.join(MARKERS)} that has a free_text challenge with calibration answers"
        raise BundleErrors([Problem(str(path), None, "no free-text question with graded answers", hint)])
    return asked


def _is_graded(bundle: ChallengeBundle) -> bool:
    return any(gold.role == "calibration" for gold in bundle.gold)


def at_most(bundle: ChallengeBundle, rows: int | None) -> ChallengeBundle:
    """The bundle with at most `rows` answers of each sort, spread evenly over the scores; whole where None.

    Answers of the role `prompt`, which the judge's prompt shows, all stay.
    """
    if rows is None:
        return bundle
    kept = [gold for gold in bundle.gold if gold.role == "prompt"]
    for role in ("calibration", "test"):
        graded = [gold for gold in bundle.gold if gold.role == role]
        kept += _spread(sorted(graded, key=lambda gold: _score(bundle, gold)), rows)
    return replace(
        bundle,
        gold=tuple(kept),
        attacks=tuple(_spread(bundle.attacks, rows)),
        benign=tuple(_spread(bundle.benign, rows)),
    )


def _score(bundle: ChallengeBundle, gold: GoldAnswer) -> float:
    return person_score(bundle.challenge, gold.marks)


def _spread(rows: Sequence[Row], count: int) -> list[Row]:
    """`count` of the rows at equal distances, the first and the last among them; all where there are no more."""
    if len(rows) <= count:
        return list(rows)
    step = (len(rows) - 1) / max(1, count - 1)
    return [rows[round(n * step)] for n in range(count)]


def qualify(
    bundles: Iterable[ChallengeBundle],
    bench: calibration.Bench,
    ledger: Ledger,
    on_done: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """JSON-ready: a calibration report by question id, and what the judge's calls took together.

    `passed` says that every question's gate is open. `seconds` is the median of a call, None without one. Raises what
    the judge raises, so that an endpoint which does not answer gives no report.
    """
    reports = {bundle.challenge.id: calibration.calibrate(bundle, bench, on_done) for bundle in bundles}
    return {
        "questions": reports,
        "passed": all(report["passed"] for report in reports.values()),
        "models": sorted({model for report in reports.values() for model in report["models"]}),
        "calls": ledger.calls,
        "forms": sorted(ledger.forms),
        "tokens": ledger.tokens,
        "cost": ledger.cost,
        "seconds": round(median(ledger.seconds), 2) if ledger.seconds else None,
        "unusable": dict(Counter(ledger.problems).most_common()),
    }
