"""Grades a data set with the configured judge, or the built-in verifier, and says how well that agrees with people.

`python -m benchmarks.grading --rows FILE [--attacks FILE] [--questions FILE] [--no-graded] --json OUT`

Files are JSON Lines or CSV; see `benchmarks.grading_rows`. Each answer is graded as if unknown, with the other graded
answers to the same question at hand (leave one out, 100 at most), or with none: `--no-graded`. `--challenge FOLDER`
takes a challenge's own answers, attacks and look-alikes in place of files. A verdict is right where machine and person
are on the same side of half of the points (of the pass mark, for a challenge). `cost` is null where a price is unknown
(GRADUS_JUDGE_PRICE_INPUT, GRADUS_JUDGE_PRICE_OUTPUT), and where nothing was called.
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

from benchmarks import grading_rows
from benchmarks.grading_rows import WHOLE, Asked, Attack, BadRows
from challenges.bundle import BundleErrors, read_challenge
from graders import agreement
from graders.base import Grade
from workers import judge_template
from workers.calibration import Bench
from workers.engine.embeddings import embed
from workers.engine.watch import Watch
from workers.judge import JudgeClient
from workers.judge_contract import JudgeMisconfigured, Postpone
from workers.ledger import Ledger

EXACT = 1e-9


@dataclass(frozen=True)
class Result:
    """One answer: a person's and the machine's share of the points, and whether somebody will look at it."""

    person: float
    machine: float
    certainty: float
    reviewed: bool


def grade_rows(asked: Asked, bench: Bench, graded: bool) -> Iterator[Result]:
    """Each graded answer to one question, as if it were unknown."""
    for row in asked.rows:
        others = [other for other in asked.rows if other is not row]
        random.Random(row.answer).shuffle(others)
        grade = bench.grade(asked.bundle(others if graded else []), row.answer)
        yield Result(row.score, machine_score(grade), grade.certainty, bool(grade.review))


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
    results: list[Result], attacks: list[tuple[Attack, Grade]], ledger: Ledger, seconds: float, passing: float
) -> dict[str, Any]:
    """One JSON object with fixed keys; shares and scores in [0, 1]."""
    person, machine = [r.person for r in results], [r.machine for r in results]
    passed = [(p >= passing - EXACT, m >= passing - EXACT) for p, m in zip(person, machine, strict=True)]
    hostile = [(a, g) for a, g in attacks if not a.is_benign]
    benign = [(a, g) for a, g in attacks if a.is_benign and a.most > 0]
    return {
        "qwk": round(agreement.qwk(person, machine), 3),
        "pearson": round(agreement.pearson(person, machine), 3),
        "mae": round(agreement.mae(person, machine), 3),
        "macro_f1": round(agreement.macro_f1([p for p, _ in passed], [m for _, m in passed]), 3),
        "coverage": {
            share: round(value, 3)
            for share, value in agreement.coverage([p == m for p, m in passed], [r.certainty for r in results]).items()
        },
        "attack_success": _share(hostile, lambda a, g: not g.review and (g.score or 0) > a.most + EXACT),
        "benign_false_alarms": _share(benign, lambda _, g: g.score == 0),
        "review_share": round(sum(r.reviewed for r in results) / len(results), 3),
        "calls": ledger.calls,
        "tokens": ledger.tokens,
        "cost": ledger.cost,
        "seconds": round(seconds, 1),
    }


def _share(rows: list[tuple[Attack, Grade]], counts: Callable[[Attack, Grade], bool]) -> float | None:
    return round(sum(counts(*row) for row in rows) / len(rows), 3) if rows else None


def run(questions: list[Asked], graded: bool, passing: float) -> dict[str, Any]:
    ledger, started = Ledger(), time.perf_counter()
    judge = JudgeClient.from_environment(ledger)
    bench = Bench(judge, lambda texts: embed(texts, Watch()), judge_template.chosen())
    results = [result for asked in questions for result in grade_rows(asked, bench, graded)]
    attacks = [pair for asked in questions for pair in grade_attacks(asked, bench, graded)]
    return report(results, attacks, ledger, time.perf_counter() - started, passing)


def questions_of(given: argparse.Namespace) -> tuple[list[Asked], float]:
    """The questions, and the share of the points from which on an answer passes."""
    if given.challenge is not None:
        bundle = read_challenge(given.challenge)
        return [grading_rows.of_challenge(bundle)], bundle.challenge.pass_
    if given.rows is None:
        raise BadRows("name a data set with --rows, or a challenge's folder with --challenge")
    questions = grading_rows.load(given.rows, given.attacks, given.questions)
    if not any(asked.rows for asked in questions):
        raise BadRows(f"{given.rows}: there are no rows")
    return questions, 0.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--rows", "--attacks", "--questions", "--challenge", "--json"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--graded", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    try:
        questions, passing = questions_of(given)
        found = run(questions, given.graded, passing)
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
