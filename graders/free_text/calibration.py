"""Measures how far a judge's grades of one question can be trusted, and whether they meet the author's gate.

A report holds only figures and ids, no answers and no texts of criteria, so that it may be stored beside the lesson.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from challenges.kinds.rubric import Gate, free_text
from challenges.marks import score
from challenges.spec import Challenge
from graders import agreement
from graders.base import Grade, JudgeId

ANSWERS_MIN = 20
EXACT = 1e-9
MEASURES = {"qwk": agreement.qwk, "bias": agreement.bias, "mae": agreement.mae}


@dataclass(frozen=True)
class GradedAnswer:
    """An answer with the marks of a person and the grade of the machine."""

    marks: Mapping[str, str]
    grade: Grade

    @property
    def value(self) -> float:
        """The machine's score in [0, 1]."""
        assert self.grade.score is not None
        return self.grade.score


@dataclass(frozen=True)
class GradedAttack:
    """An attack with its grade; it must not score more than `most`, in [0, 1]."""

    category: str
    most: float
    grade: Grade

    @property
    def is_above(self) -> bool:
        """Whether the attack scores more than `most`."""
        return self.grade.score is not None and self.grade.score > self.most + EXACT

    @property
    def succeeds(self) -> bool:
        """Whether the attack scores more than a person would give, and the grade is final."""
        return self.is_above and not self.grade.review


def person_score(challenge: Challenge, marks: Mapping[str, str]) -> float:
    """Returns the score in [0, 1] of a person's marks; a criterion without a mark counts as not met."""
    return score(free_text(challenge).rubric, marks)


def report(
    challenge: Challenge,
    answers: Sequence[GradedAnswer],
    tests: Sequence[GradedAnswer],
    attacks: Sequence[GradedAttack],
    benign: Sequence[GradedAnswer],
    suite: Sequence[GradedAttack],
    template: str,
) -> dict[str, Any]:
    """Returns the report as a JSON object.

    `answers` have the role `calibration` and decide about the gate; `tests` have the role `test` and were not used to
    tune anything. Each answer was graded as if the grader did not know it. `attacks` are the author's attacks that were
    held back, and `suite` the attacks of `graders.free_text.attacks.suite`. `model` is empty for the built-in verifier.
    """
    judges = judges_of([*answers, *tests, *attacks, *benign, *suite])
    figures = {
        "model": judges[0].model if judges else "",
        "models": [judge.model for judge in judges],
        "template": template,
        "answers": len(answers),
        **_agreement(challenge, answers),
        "coverage": _coverage(challenge, answers),
        "test": {"answers": len(tests), **(_agreement(challenge, tests) if tests else {})},
        "attacks": _attacks(attacks),
        "benign": _benign(challenge, benign),
        "suite": _suite(suite),
    }
    missed = gate_missed(figures, free_text(challenge).gate)
    return {**figures, "passed": not missed, "missed": missed}


def judges_of(graded: Iterable[GradedAnswer | GradedAttack]) -> list[JudgeId]:
    """Returns every judge that gave marks; there is only one unless the endpoint changed its model meanwhile."""
    return sorted({row.grade.judge for row in graded if row.grade.judge is not None})


def gate_missed(figures: Mapping[str, Any], gate: Gate) -> list[str]:
    """Returns the reasons why these figures do not open the gate, one sentence each; empty if they open it."""
    checks = [
        (not figures["model"], "the built-in verifier never ends a grade: set up a judge"),
        (len(figures["models"]) > 1, f"several models answered ({', '.join(figures['models'])}): name a dated one"),
        (figures["answers"] < ANSWERS_MIN, f"{figures['answers']} calibration answers, {ANSWERS_MIN} are needed"),
        (figures["agreement"]["value"] < gate.agreement, f"agreement below {gate.agreement:g}"),
        (figures["qwk"]["value"] < gate.qwk, f"QWK below {gate.qwk:g}"),
        (abs(figures["bias"]["value"]) > gate.bias, f"bias beyond {gate.bias:g}"),
        (not figures["attacks"]["count"], "no attacks to measure with"),
        (figures["attacks"]["success"] > gate.attack_success, f"attack success above {gate.attack_success:g}"),
        (
            figures["suite"]["success"] > gate.attack_success,
            f"success of the suite's attacks above {gate.attack_success:g}: {_families(figures['suite'])}",
        ),
        (figures["benign"]["zeroed"] > 0, f"{figures['benign']['zeroed']} benign answers got nothing"),
    ]
    return [why for missed, why in checks if missed]


def _agreement(challenge: Challenge, rows: Sequence[GradedAnswer]) -> dict[str, Any]:
    person = [person_score(challenge, row.marks) for row in rows]
    machine = [row.value for row in rows]
    pairs = {c.id: _marks(c.id, rows) for c in free_text(challenge).rubric}
    alike = [sum(pair[0] == pair[1] for pair in row) / len(row) for row in zip(*pairs.values(), strict=True)]
    criteria = [{"id": id, **_by_criterion(marks)} for id, marks in pairs.items()]
    low, high = agreement.interval(lambda x, _: sum(x) / len(x), alike, alike)
    return {
        "criteria": criteria,
        "agreement": {"value": _round(sum(alike) / len(alike)), "low": _round(low), "high": _round(high)},
        **{name: _with_interval(name, person, machine) for name in MEASURES},
    }


def _by_criterion(pairs: Sequence[tuple[str, str]]) -> dict[str, float]:
    person, machine = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    alike = _share(a == b for a, b in pairs)
    return {"agreement": alike, "kappa": _round(agreement.kappa(person, machine))}


def _marks(id: str, rows: Sequence[GradedAnswer]) -> list[tuple[str, str]]:
    given = [{mark.id: mark.mark.value for mark in row.grade.marks} for row in rows]
    return [(row.marks.get(id, "not_met"), marks[id]) for row, marks in zip(rows, given, strict=True)]


def _with_interval(name: str, person: Sequence[float], machine: Sequence[float]) -> dict[str, float]:
    measure = MEASURES[name]
    low, high = agreement.interval(measure, person, machine)
    return {"value": _round(measure(person, machine)), "low": _round(low), "high": _round(high)}


def _coverage(challenge: Challenge, rows: Sequence[GradedAnswer]) -> dict[str, Any]:
    """Returns the share of final grades, how many of them equal the person's score, and how often verdicts are right.

    The accuracy of verdicts is given for the most certain 20 %, 40 %, ... of the answers.
    """
    final = [row for row in rows if not row.grade.review]
    exact = [abs(row.value - person_score(challenge, row.marks)) < EXACT for row in final]
    verdicts = [
        (row.value >= challenge.pass_) == (person_score(challenge, row.marks) >= challenge.pass_) for row in rows
    ]
    return {
        "final": _round(len(final) / len(rows)),
        "final_agreement": _share(exact) if exact else None,
        "accuracy_by_share": {
            share: _round(value)
            for share, value in agreement.coverage(verdicts, [row.grade.certainty for row in rows]).items()
        },
    }


def _attacks(rows: Sequence[GradedAttack]) -> dict[str, Any]:
    categories = sorted({row.category for row in rows})
    return {
        "count": len(rows),
        "success": _share(row.succeeds for row in rows) if rows else 0.0,
        "above_before_review": _share(row.is_above for row in rows) if rows else 0.0,
        "succeeded": {name: sum(row.succeeds for row in rows if row.category == name) for name in categories},
    }


def _suite(rows: Sequence[GradedAttack]) -> dict[str, Any]:
    """How often attacks succeed, with the 95 % upper bound of their rate."""
    families = sorted({row.category for row in rows})
    return {
        **_rate(rows),
        "families": {name: _rate([row for row in rows if row.category == name]) for name in families},
    }


def _rate(rows: Sequence[GradedAttack]) -> dict[str, Any]:
    succeeded = sum(row.succeeds for row in rows)
    return {
        "count": len(rows),
        "succeeded": succeeded,
        "success": _round(succeeded / len(rows)) if rows else 0.0,
        "upper": _round(agreement.upper_bound(succeeded, len(rows))),
    }


def _families(suite: Mapping[str, Any]) -> str:
    """Returns the families with successful attacks, as text: `wishes 1 of 4`."""
    families = suite["families"].items()
    return ", ".join(f"{name} {row['succeeded']} of {row['count']}" for name, row in families if row["succeeded"])


def _benign(challenge: Challenge, rows: Sequence[GradedAnswer]) -> dict[str, Any]:
    person = [person_score(challenge, row.marks) for row in rows]
    lost = [row.value < given - EXACT for row, given in zip(rows, person, strict=True)]
    zeroed = [row.value == 0 and given > 0 for row, given in zip(rows, person, strict=True)]
    return {
        "count": len(rows),
        "zeroed": sum(zeroed),
        "lost": sum(lost),
        "false_alarms": _share(zeroed) if rows else 0.0,
        "to_review": _share(bool(row.grade.review) for row in rows) if rows else 0.0,
    }


def _share(values: Iterable[bool]) -> float:
    hits = list(values)
    return _round(sum(hits) / len(hits))


def _round(value: float) -> float:
    return round(float(value), 3)
