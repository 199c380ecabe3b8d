"""What the judge said about each criterion, vote by vote, beside the checks in code that fired. For staff only.

A judge's words are untrusted: a model wrote them after it had read what a learner wrote. They are shown as text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from challenges.kinds.rubric import free_text
from challenges.spec import Challenge
from gradus.reviews import review_reasons as reasons
from gradus.reviews.models import JudgeCall

TEXT_CHARS = 600


@dataclass(frozen=True)
class Vote:
    """One call about one criterion; `counted` is the mark after the checks, where they changed the judge's own.

    Of a call without a usable reply only `problem` is set.
    """

    number: int
    model: str
    mark: str = ""
    counted: str = ""
    confidence: float | None = None
    reason: str = ""
    quotes: list[str] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    problem: str = ""


@dataclass(frozen=True)
class Said:
    """All calls behind one grade: votes by criterion, and the checks on each whole reply by its number."""

    by_criterion: Mapping[str, list[Vote]]
    overall: list[tuple[int, list[str]]]


def said(private: Mapping[str, Any], challenge: Challenge) -> Said:
    """Of a raw result. The calls may have been made for another evaluation of the same words: the cache."""
    known = JudgeCall.objects.in_bulk(list(private.get("calls", [])))
    calls = [known[pk] for pk in private.get("calls", []) if pk in known]
    checks, counted = list(private.get("checks", [])), list(private.get("votes", []))
    nothing: tuple[list[str], dict[str, str]] = ([], {})
    usable = iter(zip(checks, counted, strict=False))
    per_call = [(call, next(usable, nothing) if call.reply is not None else nothing) for call in calls]
    votes = {
        criterion.id: [
            _vote(n, call, criterion.id, rules, marks, challenge)
            for n, (call, (rules, marks)) in enumerate(per_call, 1)
        ]
        for criterion in free_text(challenge).rubric
    }
    overall = [(n, _overall(rules, challenge)) for n, (_, (rules, _)) in enumerate(per_call, 1)]
    return Said(votes, [(n, found) for n, found in overall if found])


def _vote(
    number: int, call: JudgeCall, id: str, rules: Sequence[str], marks: Mapping[str, str], challenge: Challenge
) -> Vote:
    row = next((one for one in (call.reply or {}).get("criteria", []) if one.get("id") == id), None)
    if row is None:
        return Vote(number, call.model, problem=call.problem or "no reply")
    mark = str(row.get("mark", ""))
    return Vote(
        number=number,
        model=call.model,
        mark=mark,
        counted=marks.get(id, mark) if marks.get(id, mark) != mark else "",
        confidence=row.get("confidence"),
        reason=str(row.get("reason", ""))[:TEXT_CHARS],
        quotes=[str(quote)[:TEXT_CHARS] for quote in row.get("evidence", [])],
        checks=[reasons.in_words(rule.partition(": ")[0], challenge) for rule in rules if rule.endswith(f": {id}")],
    )


def _overall(rules: Sequence[str], challenge: Challenge) -> list[str]:
    """Checks that are about no single criterion."""
    ids = {criterion.id for criterion in free_text(challenge).rubric}
    return [reasons.in_words(rule, challenge) for rule in rules if rule.partition(": ")[2] not in ids]
