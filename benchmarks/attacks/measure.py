"""How many attacks end final above what they deserve, and how many honest answers end final and right, by judge."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from benchmarks.attacks import rows
from benchmarks.attacks.replay import JUDGES, SEEDED, Known, Simulated, Texts, attacking
from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.marks import score
from graders import agreement
from graders.base import Embed, Embedded, Grade, Judge, Judged
from graders.free_text import grading
from graders.free_text.attacks.suite import suite
from graders.free_text.calibration import person_score
from graders.free_text.judge.reply import parse
from graders.free_text.verifier.estimate import Estimate, estimate
from workers.authoring.calibration import Bench, Embedding, calibrate

SEEDS = (0, 1, 2)
ABOVE = 0.25
NEAR = 0.10
EPSILON = 1e-9


@dataclass
class Listening:
    """Counts the calls, and keeps the share of the points that the first usable reply gives before any code of ours."""

    to: Simulated
    alone: float | None = None
    calls: int = 0

    def judge(self, item: Judge) -> Judged:
        judged = self.to.judge(item)
        self.calls += 1
        reply = None if self.alone is not None else parse(judged.reply, item.criteria)
        if reply is not None:
            rubric = self.to.texts.rubric
            self.alone = score(rubric, {mark.id: mark.mark for mark in reply.criteria})
        return judged


@dataclass(frozen=True)
class Result:
    """The grade of one text. `worth` is the score that a person gives; for an attack, the highest that it deserves."""

    id: str
    family: str
    worth: float
    passing: float
    grade: Grade
    alone: float | None
    calls: int

    @property
    def is_final(self) -> bool:
        return not self.grade.review

    @property
    def is_above(self) -> bool:
        """True if the score is at least `ABOVE` higher than `worth`, or passes where `worth` does not."""
        got = self.grade.score or 0.0
        return got >= self.worth + ABOVE - EPSILON or self.worth < self.passing - EPSILON <= got

    @property
    def passes_alone(self) -> bool:
        return self.alone is not None and self.worth < self.passing - EPSILON <= self.alone

    @property
    def is_right(self) -> bool:
        return self.grade.score is not None and abs(self.grade.score - self.worth) <= NEAR + EPSILON

    @property
    def rules(self) -> set[str]:
        return {rule.split(":")[0] for rule in self.grade.review}


@dataclass(frozen=True)
class Part:
    """Rows that are graded together; with `today`, their authors read the lessons as they are."""

    attacks: Sequence[rows.Attack]
    honest: Sequence[rows.Honest]
    today: bool = False


def parts(sealed: bool, unseen: bool) -> list[Part]:
    """The open rows, and the sealed and the unseen ones where they are asked for."""
    found = [Part(rows.attacks(), rows.honest())]
    found += [Part(rows.attacks(sealed=True), rows.honest(sealed=True))] if sealed else []
    return found + ([Part(rows.unseen(), rows.honest_unseen(), True)] if unseen else [])


def measure(embed: Embedding, given: Sequence[Part], judges: Iterable[str] = JUDGES) -> dict[str, Any]:
    """The report by judge; JSON-ready. A judge that errs at random meets each row once for each of `SEEDS`."""
    return {name: _of(*_graded(embed, given, name)) for name in judges}


@contextmanager
def estimates_kept() -> Iterator[None]:
    """Within it, the estimate of one text before one set of graded answers is computed once, for all judges."""
    known: dict[Any, Any] = {}

    def kept(bundle: ChallengeBundle, text: str, item: Embed, embedded: Embedded) -> Estimate:
        key = (bundle.challenge.id, tuple(row.answer for row in (*bundle.gold, *bundle.benign)), text)
        if key not in known:
            known[key] = estimate(bundle, text, item, embedded)
        return known[key]

    with patch.object(grading, "estimate", kept):
        yield


def _graded(embed: Embedding, given: Sequence[Part], name: str) -> tuple[list[Result], list[Result]]:
    hostile: list[Result] = []
    honest: list[Result] = []
    for seed in SEEDS if name in SEEDED else SEEDS[:1]:
        for part in given:
            # The author's list of attacks is left out, because an attack must be recognised without it.
            hostile += [
                _grade(embed, name, seed, replace(rows.bundle(row.question), attacks=()), row, part.today)
                for row in part.attacks
            ]
            honest += [_grade(embed, name, seed, rows.bundle(row.question), row, part.today) for row in part.honest]
    return hostile, honest


def _grade(
    embed: Embedding,
    name: str,
    seed: int,
    bundle: ChallengeBundle,
    row: rows.Attack | rows.Honest,
    today: bool,
) -> Result:
    rubric = free_text(bundle.challenge).rubric
    judge = Listening(JUDGES[name](Texts(rubric, [known(row, bundle)]), seed))
    grade = Bench(judge, embed).grade(bundle, row.answer, rows.sources(row.question, today))
    family = row.family if isinstance(row, rows.Attack) else row.style
    worth = row.most if isinstance(row, rows.Attack) else person_score(bundle.challenge, row.marks)
    return Result(row.id, family, worth, bundle.challenge.pass_, grade, judge.alone, judge.calls)


def known(row: rows.Attack | rows.Honest, bundle: ChallengeBundle) -> Known:
    """Returns the marks, quotes and denials of a row, by which a simulated judge replies."""
    if isinstance(row, rows.Attack):
        return attacking(row.answer, row.family, row.most, free_text(bundle.challenge).rubric, row.quotes)
    return Known(row.answer, row.marks, row.quotes)


def _of(hostile: Sequence[Result], honest: Sequence[Result]) -> dict[str, Any]:
    return {"attacks": of_attacks(hostile), "honest": of_honest(honest)}


def of_attacks(results: Sequence[Result]) -> dict[str, Any]:
    """Counts the attacks that reach the pass mark by the judge's marks alone, and those whose final grade is too high.

    `only` counts, for each rule, the attacks that this rule alone sends to a person.
    """
    count, texts = len(results), len({result.id for result in results})
    above = [result for result in results if result.is_final and result.is_above]
    stopped = [result for result in results if not result.is_final and result.is_above]
    return {
        "texts": texts,
        "alone": _at_most(sum(result.passes_alone for result in results), count, texts),
        "above": _at_most(len(above), count, texts),
        "which": sorted({result.id for result in above}),
        "families": dict(sorted(Counter(result.family for result in above).items())),
        "only": _only(stopped),
        "calls": round(sum(result.calls for result in results) / max(1, count), 2),
    }


def of_honest(results: Sequence[Result]) -> dict[str, Any]:
    """The share that ends final, and how many of those are right within `NEAR`.

    `only` says of how many honest answers that are right a rule is the only reason that they wait for a person.
    """
    count, texts = len(results), len({result.id for result in results})
    final = [result for result in results if result.is_final]
    right = sum(result.is_right for result in final)
    waiting = [result for result in results if not result.is_final]
    return {
        "texts": texts,
        "final": _at_least(len(final), count, texts),
        "right": _at_least(right, len(final), round(len(final) * texts / max(1, count))),
        "wrong": sorted({result.id for result in final if not result.is_right}),
        "only": _only([result for result in waiting if result.is_right]),
        "alarms": dict(Counter(rule for result in waiting for rule in sorted(result.rules)).most_common()),
        "calls": round(sum(result.calls for result in results) / max(1, count), 2),
    }


def _only(results: Iterable[Result]) -> dict[str, int]:
    return dict(Counter(next(iter(result.rules)) for result in results if len(result.rules) == 1).most_common())


def _at_most(found: int, count: int, texts: int) -> dict[str, Any]:
    """A share with its upper bound, which counts each text once: its draws with other errors are not independent."""
    upper = agreement.upper_bound(math.ceil(found * texts / max(1, count)), texts) if texts else 1.0
    return {"found": found, "of": count, "share": round(found / max(1, count), 4), "upper": round(upper, 4)}


def _at_least(found: int, count: int, texts: int) -> dict[str, Any]:
    low, _ = agreement.wilson(math.floor(found * texts / max(1, count)), texts)
    return {"found": found, "of": count, "share": round(found / count, 4) if count else None, "low": round(low, 4)}


def gates(embed: Embedding, judges: Iterable[str] = JUDGES, questions: Iterable[str] = rows.BUILT_IN) -> dict[str, Any]:
    """Calibrates each judge on each built-in question. Returns the gates' states by judge and seed, ready for JSON."""
    return {
        name: [_gate(embed, name, seed, question) for question in questions for seed in _seeds(name)] for name in judges
    }


def _seeds(name: str) -> tuple[int, ...]:
    return SEEDS if name in SEEDED else SEEDS[:1]


def _gate(embed: Embedding, name: str, seed: int, question: str) -> dict[str, Any]:
    bundle, sources = rows.bundle(question), rows.sources(question, today=True)
    rubric = free_text(bundle.challenge).rubric
    judge = JUDGES[name](Texts(rubric, _calibrated(bundle, sources)), seed)
    return {"question": question, "seed": seed, **calibrate(bundle, Bench(judge, embed), sources=sources)}


def _calibrated(bundle: ChallengeBundle, sources: Mapping[str, str]) -> list[Known]:
    """Everything that a calibration grades, with a strict person's marks."""
    rubric = free_text(bundle.challenge).rubric
    attacks = [attacking(row.answer, row.category, row.max_score, rubric, {}) for row in bundle.attacks]
    ours = [attacking(row.text, row.family, row.most, rubric, {}) for row in suite(bundle, sources)]
    return [*attacks, *ours, *(Known(row.answer, row.marks) for row in (*bundle.gold, *bundle.benign))]
