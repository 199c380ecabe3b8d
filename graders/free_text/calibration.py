"""Measures how far a judge's grades of one question can be trusted, and whether they meet the author's gate.

A report holds only figures and ids, no answers and no texts of criteria, so that it may be stored beside the lesson.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from challenges.kinds.rubric import GATE_RULES, RIGHT_WITHIN, free_text
from challenges.marks import score
from challenges.spec import Challenge
from graders import agreement
from graders.base import Grade, JudgeId
from graders.free_text.gate import PROBLEMS, gate_missed

EXACT = 1e-9
TOO_MUCH = 0.25
OTHER_FORM = "not the form that was asked for"
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
    """An attack with its grade. It is worth at most `most`, and `pass_mark` is its question's; both are in [0, 1]."""

    category: str
    most: float
    grade: Grade
    pass_mark: float

    @property
    def is_above(self) -> bool:
        """Whether the attack scores more than `most`."""
        return self.grade.score is not None and self.grade.score > self.most + EXACT

    @property
    def is_worth_a_pass(self) -> bool:
        return self.most >= self.pass_mark - EXACT

    @property
    def succeeds(self) -> bool:
        """Whether the grade is final and 0.25 or more above what the attack is worth, or passes undeservedly."""
        score = self.grade.score
        if self.grade.review or score is None:
            return False
        passes = score >= self.pass_mark - EXACT and not self.is_worth_a_pass
        return passes or score >= self.most + TOO_MUCH - EXACT

    @property
    def is_asked_about(self) -> bool:
        """Whether the judge was asked about the attack: code alone ends an empty answer."""
        return self.grade.judge is not None or bool(self.grade.review)

    @property
    def is_answered(self) -> bool:
        """Whether the judge gave a usable reply about the attack."""
        return self.grade.private.get("judge_alone") is not None

    @property
    def passes_alone(self) -> bool:
        """Whether an answered attack reaches the pass mark by the judge's own marks, before any check in code."""
        alone: float = self.grade.private["judge_alone"]
        return alone >= self.pass_mark - EXACT


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
    graded: list[GradedAnswer | GradedAttack] = [*answers, *tests, *attacks, *benign, *suite]
    judges = judges_of(graded)
    figures = {
        "rules": GATE_RULES,
        "model": judges[0].model if judges else "",
        "models": [judge.model for judge in judges],
        "template": template,
        "answers": len(answers),
        "passing": sum(person_score(challenge, row.marks) >= challenge.pass_ - EXACT for row in answers),
        **_agreement(challenge, answers),
        "replies": _replies(graded),
        "coverage": _coverage(challenge, answers),
        "final_right": _final_right(challenge, answers),
        "test": {"answers": len(tests), **(_agreement(challenge, tests) if tests else {})},
        "attacks": _attacks(attacks),
        "benign": _benign(challenge, benign),
        "suite": _suite(suite),
        "judge_alone": _judge_alone([*attacks, *suite]),
    }
    missed = gate_missed(figures, free_text(challenge).gate)
    return {**figures, "passed": not missed, "missed": missed}


def judges_of(graded: Iterable[GradedAnswer | GradedAttack]) -> list[JudgeId]:
    """Returns every judge that gave marks; there is only one unless the endpoint changed its model meanwhile."""
    return sorted({row.grade.judge for row in graded if row.grade.judge is not None})


def _agreement(challenge: Challenge, rows: Sequence[GradedAnswer]) -> dict[str, Any]:
    person = [person_score(challenge, row.marks) for row in rows]
    machine = [row.value for row in rows]
    pairs = {c.id: _marks(c.id, rows) for c in free_text(challenge).rubric}
    alike = [sum(pair[0] == pair[1] for pair in row) / len(row) for row in zip(*pairs.values(), strict=True)]
    criteria = [{"id": id, **_by_criterion(marks)} for id, marks in pairs.items()]
    low, high = agreement.interval(lambda x, _: sum(x) / len(x), alike, alike)
    return {
        "criteria": criteria,
        "agreement": {"value": sum(alike) / len(alike), "low": _round(low), "high": _round(high)},
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
    # The gate compares it, so it is not rounded.
    return {"value": float(measure(person, machine)), "low": _round(low), "high": _round(high)}


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


def _final_right(challenge: Challenge, rows: Sequence[GradedAnswer]) -> dict[str, Any]:
    """How many grades are final, and how many of these are right, with the 95 % interval of their share."""
    final = [row for row in rows if not row.grade.review]
    right = sum(abs(row.value - person_score(challenge, row.marks)) <= RIGHT_WITHIN + EXACT for row in final)
    low, high = agreement.wilson(right, len(final))
    share = _round(right / len(final)) if final else None
    return {"count": len(final), "right": right, "share": share, "low": _round(low), "high": _round(high)}


def _replies(rows: Iterable[GradedAnswer | GradedAttack]) -> dict[str, Any]:
    """How many replies of the judge there were, how many of them could not be used, and why, by the reason.

    `denials` counts those among them that were about denials.
    """
    notes = [row.grade.private for row in rows if not any(rule.startswith("no-judge") for rule in row.grade.review)]
    marks, denials = (_counted(notes, *names) for names in (("replies", "votes"), ("denial_replies", "denials")))
    count, unusable = marks["count"] + denials["count"], marks["unusable"] + denials["unusable"]
    said = Counter(_reason(problem) for note in notes for problem in note.get("problems", ()))
    said[OTHER_FORM] += max(0, unusable - said.total())
    return {"count": count, "unusable": unusable, "problems": dict((+said).most_common()), "denials": denials}


def _counted(notes: Iterable[Mapping[str, Any]], made: str, usable: str) -> dict[str, int]:
    """How many replies were `made` in all, and how many of them are not among the `usable` ones."""
    pairs = [(note.get(made, 0), len(note.get(usable, ()))) for note in notes]
    return {"count": sum(count for count, _ in pairs), "unusable": sum(count - good for count, good in pairs)}


def _reason(problem: str) -> str:
    inner = problem.removeprefix("unusable (").removesuffix(")")
    return PROBLEMS.get(inner, inner)


def _judge_alone(rows: Sequence[GradedAttack]) -> dict[str, Any]:
    """How many attacks that are not worth a pass reach the pass mark by the judge's own marks.

    `count` are those that the judge was asked about and `answered` those with a usable reply. `share` is that of the
    answered ones, and `upper` its 95 % upper bound: an attack that an endpoint's filter stopped proves nothing.
    """
    asked = [row for row in rows if not row.is_worth_a_pass and row.is_asked_about]
    answered = [row for row in asked if row.is_answered]
    passed = sum(row.passes_alone for row in answered)
    return {
        "count": len(asked),
        "answered": len(answered),
        "passed": passed,
        "share": _round(passed / len(answered)) if answered else 0.0,
        "upper": _round(agreement.upper_bound(passed, len(answered))),
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
