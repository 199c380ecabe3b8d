"""Grades answers with the configured judge, or the built-in verifier, and says how well that agrees with people.

`python -m benchmarks.grading --json OUT` takes our eight short questions, of which four were held out when features
were chosen, and the built-in question in whole sentences. `--rows FILE [--attacks FILE] [--questions FILE]
[--no-graded]` takes a data set: JSON Lines or CSV, see `benchmarks.grading_rows`. `--challenge FOLDER` takes a
challenge's own answers, attacks and look-alikes.

Each answer is graded as if unknown, with the other graded answers to the same question at hand (leave one out, 100 at
most), or with none: `--no-graded`. A verdict is right where machine and person are on the same side of half of the
points (of the pass mark, for a challenge). `fifths` begin with the surest. `final_zeros` are answers that a person
gives points and that end at 0 with nobody looking. `cost` is null where a price is unknown (GRADUS_JUDGE_PRICE_INPUT,
GRADUS_JUDGE_PRICE_OUTPUT), and where nothing was called.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import challenges
from benchmarks import grading_rows
from benchmarks.grading_rows import WHOLE, Asked, Attack, BadRows
from challenges.reading import BundleErrors, read_challenge
from graders import agreement
from graders.base import Grade
from workers.authoring.calibration import Bench
from workers.engine.embeddings import embed
from workers.engine.watch import Watch
from workers.judge import template as judge_template
from workers.judge.client import JudgeClient
from workers.judge.contract import JudgeMisconfigured, Postpone
from workers.judge.ledger import Ledger

EXACT = 1e-9
SHORT = Path(__file__).parent / "questions"
LONG = Path(challenges.__file__).parent / "library/fine-tuning-vs-prompting/prompt-retrieve-or-train"


@dataclass(frozen=True)
class Result:
    """One answer: a person's and the machine's share of the points, and whether somebody will look at it."""

    person: float
    machine: float
    certainty: float
    reviewed: bool
    passing: float

    @property
    def is_right(self) -> bool:
        return (self.person >= self.passing - EXACT) == (self.machine >= self.passing - EXACT)

    @property
    def is_final_zero(self) -> bool:
        return self.person > 0 and self.machine == 0 and not self.reviewed


def grade_rows(asked: Asked, bench: Bench, graded: bool) -> Iterator[Result]:
    """Each graded answer to one question, as if it were unknown."""
    for row in asked.rows:
        others = [other for other in asked.rows if other is not row]
        random.Random(row.answer).shuffle(others)
        grade = bench.grade(asked.bundle(others if graded else []), row.answer)
        yield Result(row.score, machine_score(grade), grade.certainty, bool(grade.review), asked.passing)


def grade_attacks(asked: Asked, bench: Bench, graded: bool) -> Iterator[tuple[Attack, Grade]]:
    """Each attack on one question, as a stranger's."""
    others = random.Random(asked.question).sample(asked.rows, len(asked.rows))
    bundle = asked.bundle(others if graded else [])
    for attack in asked.attacks:
        yield attack, bench.grade(bundle, attack.answer)


def machine_score(grade: Grade) -> float:
    """The grade's score; the verifier's own share of the points where one criterion stands for the whole."""
    estimate: dict[str, float] = grade.private.get("verifier", {})
    if grade.judge is None and list(estimate) == [WHOLE]:
        return estimate[WHOLE]
    assert grade.score is not None
    return grade.score


def report(
    results: list[Result], attacks: list[tuple[Attack, Grade]], ledger: Ledger, seconds: float
) -> dict[str, Any]:
    """One JSON object with fixed keys; shares and scores in [0, 1]."""
    hostile = [(a, g) for a, g in attacks if not a.is_benign]
    benign = [(a, g) for a, g in attacks if a.is_benign and a.most > 0]
    return {
        **quality(results),
        "attack_success": _share(hostile, lambda a, g: not g.review and (g.score or 0) > a.most + EXACT),
        "benign_false_alarms": _share(benign, lambda _, g: g.score == 0),
        "calls": ledger.calls,
        "tokens": ledger.tokens,
        "cost": ledger.cost,
        "seconds": round(seconds, 1),
    }


def quality(results: list[Result]) -> dict[str, Any]:
    """How near the machine's scores come to people's, and how far its certainty can be believed."""
    person, machine = [r.person for r in results], [r.machine for r in results]
    right, certainty = [r.is_right for r in results], [r.certainty for r in results]
    passed = [(r.person >= r.passing - EXACT, r.machine >= r.passing - EXACT) for r in results]
    return {
        "answers": len(results),
        "qwk": round(agreement.qwk(person, machine), 3),
        "pearson": round(agreement.pearson(person, machine), 3),
        "mae": round(agreement.mae(person, machine), 3),
        "macro_f1": round(agreement.macro_f1([p for p, _ in passed], [m for _, m in passed]), 3),
        "accuracy": round(sum(right) / len(right), 3),
        "coverage": {share: round(value, 3) for share, value in agreement.coverage(right, certainty).items()},
        "fifths": [round(value, 3) for value in agreement.fifths(right, certainty)],
        "fifths_certainty": [round(value, 3) for value in agreement.fifths(certainty, certainty)],
        "final_zeros": sum(r.is_final_zero for r in results),
        "review_share": round(sum(r.reviewed for r in results) / len(results), 3),
    }


def _share(rows: list[tuple[Attack, Grade]], counts: Callable[[Attack, Grade], bool]) -> float | None:
    return round(sum(counts(*row) for row in rows) / len(rows), 3) if rows else None


def run(questions: list[Asked], graded: bool) -> dict[str, Any]:
    bench, ledger = _bench()
    started = time.perf_counter()
    results = [result for asked in questions for result in grade_rows(asked, bench, graded)]
    attacks = [pair for asked in questions for pair in grade_attacks(asked, bench, graded)]
    return report(results, attacks, ledger, time.perf_counter() - started)


def run_own(short: Path = SHORT, long: Path = LONG) -> dict[str, Any]:
    """Our short questions by half, all together and one by one; and the built-in question."""
    bench, _ = _bench()
    halves: dict[str, list[Result]] = {}
    found: dict[str, Any] = {}
    for folder in sorted(path for path in short.glob("*/*") if path.is_dir()):
        found[folder.name] = list(grade_rows(grading_rows.of_challenge(read_challenge(folder)), bench, True))
        halves.setdefault(folder.parent.name, []).extend(found[folder.name])
    together = {**halves, "all short": [result for half in halves.values() for result in half]}
    together[long.name] = list(grade_rows(grading_rows.of_challenge(read_challenge(long)), bench, True))
    return {name: quality(results) for name, results in {**found, **together}.items()}


def _bench() -> tuple[Bench, Ledger]:
    ledger = Ledger()
    judge = JudgeClient.from_environment(ledger)
    return Bench(judge, lambda texts: embed(texts, Watch()), judge_template.chosen()), ledger


def questions_of(given: argparse.Namespace) -> list[Asked]:
    """The questions of a data set or of a challenge."""
    if given.challenge is not None:
        return [grading_rows.of_challenge(read_challenge(given.challenge))]
    questions = grading_rows.load(given.rows, given.attacks, given.questions)
    if not any(asked.rows for asked in questions):
        raise BadRows(f"{given.rows}: there are no rows")
    return questions


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--rows", "--attacks", "--questions", "--challenge", "--json"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--graded", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    try:
        is_own = given.challenge is None and given.rows is None
        found = run_own() if is_own else run(questions_of(given), given.graded)
    except (BadRows, BundleErrors, JudgeMisconfigured) as error:
        print(error, file=sys.stderr)
        return 1
    except Postpone as error:
        print(error.advice, file=sys.stderr)
        return 1
    print(json.dumps(found, indent=2))
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
