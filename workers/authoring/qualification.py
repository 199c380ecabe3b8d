"""Qualifies a judge: one report on all free-text questions of a course says how good and how expensive it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.kinds import registry as kinds
from challenges.kinds.rubric import GATE_ANSWERS, Gate, free_text
from challenges.lint.run import MARKERS
from challenges.problems import Problem
from challenges.reading import BundleErrors, read_challenge, read_course, read_lesson
from graders import agreement
from graders.free_text.calibration import person_score
from graders.free_text.gate import denials_unusable
from workers.authoring import calibration
from workers.authoring.calibrate_command import sources_beside
from workers.authoring.estimate import Estimate, estimate
from workers.authoring.judge_session import JudgeSession
from workers.judge.ledger import Ledger

# The search for a number of answers ends here.
ANSWERS_MOST = 500


@dataclass(frozen=True)
class Question:
    """A free-text challenge with the texts that its learners can read (see `calibration.calibrate`).

    `rows` is the largest number of answers of each kind to grade; None grades all. `marked` is the number of its
    answers with the role `calibration`, whether they are graded or not.
    """

    bundle: ChallengeBundle
    sources: Mapping[str, str]
    rows: int | None
    marked: int

    @property
    def count(self) -> int:
        """How many answers are graded."""
        return calibration.rows_of(self.bundle, self.sources, self.rows)


def questions(path: Path, rows: int | None = None) -> list[Question]:
    """The free-text challenges with graded answers in the folder of a course, a lesson or a challenge.

    Raises BundleErrors if a bundle cannot be read, or if there is no such challenge.
    """
    questions = [
        Question(at_most(bundle, rows), sources_beside(folder.resolve(), bundle), rows, _marked(bundle))
        for folder, bundle in _free_text(path)
        if _marked(bundle)
    ]
    if not questions:
        hint = f"name a folder with {', '.join(MARKERS)} that has a free_text challenge with calibration answers"
        raise BundleErrors([Problem(str(path), None, "no free-text question with graded answers", hint)])
    return questions


def unmarked(path: Path) -> list[str]:
    """The ids of the free-text challenges without a single answer on which a judge can be measured."""
    return [bundle.challenge.id for _, bundle in _free_text(path) if not _marked(bundle)]


def _free_text(path: Path) -> Iterator[tuple[Path, ChallengeBundle]]:
    return ((folder, bundle) for folder, bundle in _challenges(path) if kinds.find(bundle.challenge.kind).is_judged)


def _marked(bundle: ChallengeBundle) -> int:
    return sum(gold.role == "calibration" for gold in bundle.gold)


def _challenges(path: Path) -> Iterator[tuple[Path, ChallengeBundle]]:
    """Yields each challenge at or below `path` with its folder."""
    if (path / "course.yaml").exists():
        for lesson in read_course(path).lessons:
            yield from _challenges(path / lesson.id)
    elif (path / "lesson.yaml").exists():
        yield from ((path / bundle.challenge.id, bundle) for bundle in read_lesson(path).challenges)
    else:
        yield path, read_challenge(path)


def at_most(bundle: ChallengeBundle, rows: int | None) -> ChallengeBundle:
    """The bundle with at most `rows` answers of each kind, spread evenly over the scores; unchanged for None.

    All answers with the role `prompt` stay, because the judge's prompt shows them. Twice as many attacks stay, because
    half of them are shown to the grader and only the other half is graded.
    """
    if rows is None:
        return bundle
    kept = [gold for gold in bundle.gold if gold.is_example]
    for role in ("calibration", "test"):
        graded = [gold for gold in bundle.gold if gold.role == role]
        by_score = sorted(graded, key=lambda gold: person_score(bundle.challenge, gold.marks))
        kept += calibration.spread(by_score, rows)
    attacks = calibration.spread(bundle.attacks, 2 * rows)
    benign = calibration.spread(bundle.benign, rows)
    return replace(bundle, gold=tuple(kept), attacks=tuple(attacks), benign=tuple(benign))


def estimated(asked: Iterable[Question], session: JudgeSession) -> Estimate:
    """What the judge of `session` will be asked about these questions beyond the replies that are kept."""
    answers = (
        (answer.known, answer.text, one.sources, answer.quoted)
        for one in asked
        for answer in calibration.answers_of(one.bundle, one.sources, one.rows)
    )
    return estimate(answers, session.bench, session.client, session.kept.replies)


def qualify(
    asked: Iterable[Question],
    bench: calibration.Bench,
    ledger: Ledger,
    on_done: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """A report as a JSON object: the calibration of each question by id, and the calls, tokens and cost of all.

    `passed` says whether the gates of all questions are open. `seconds` is the median duration of a call, or None
    without a call. `kept` counts the replies of earlier runs that were taken; calls, tokens and cost are those of this
    run. Raises what the judge raises, so that an endpoint that does not answer gives no report.
    """
    reports = {}
    for one in asked:
        figures = calibration.calibrate(one.bundle, bench, on_done, one.sources, one.rows)
        needed = missing(figures, free_text(one.bundle.challenge).gate, one.marked)
        counts = {"answers_marked": one.marked, "answers_missing": needed}
        reports[one.bundle.challenge.id] = figures | counts
    return _report(reports, ledger, "")


def missing(figures: Mapping[str, Any], gate: Gate, marked: int) -> int:
    """How many more marked answers a question needs before a gate can open: up to `GATE_ANSWERS` in all, or more.

    More are needed where the final grades are right often enough, but so few that the lower bound of their share is
    below the gate's. Then it is the number with which the bound would do, if further answers end final and are right as
    often as those so far.
    """
    least, final = max(0, GATE_ANSWERS - marked), figures["final_right"]
    if denials_unusable(figures) or not final["count"] or final["right"] < gate.final_right * final["count"]:
        return least
    for more in range(ANSWERS_MOST):
        total: int = figures["answers"] + more
        count = final["count"] * total // figures["answers"]
        if agreement.wilson(final["right"] * total // figures["answers"], count)[0] >= gate.final_right_low:
            return max(least, total - marked)
    return least


def stopped(ledger: Ledger, reason: str) -> dict[str, Any]:
    """The report of a run that was stopped, because nothing that the judge says can be used: it has no questions."""
    return _report({}, ledger, reason)


def _report(reports: dict[str, dict[str, Any]], ledger: Ledger, stopped: str) -> dict[str, Any]:
    return {
        "questions": reports,
        "passed": bool(reports) and all(report["passed"] for report in reports.values()),
        "models": sorted({model for report in reports.values() for model in report["models"]}),
        "calls": ledger.calls,
        "kept": ledger.taken,
        "forms": sorted(ledger.forms),
        "tokens": ledger.tokens,
        "cost": ledger.cost,
        "seconds": round(median(ledger.seconds), 2) if ledger.seconds else None,
        "unusable": dict(Counter(ledger.problems).most_common()),
        "stopped": stopped,
    }
