"""Asks the judge, in a call of its own, which criteria an answer denies; code decides what follows from the replies.

A judge that is kind to an answer also quotes what the answer argues against. So nobody tells this call what the answer
was given points for: it asks the opposite question about every criterion.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from graders.base import Grade, Judged, Mark, WorkItem
from graders.free_text.judge.messages import denial_item
from graders.free_text.judge.reply import parse_denials
from graders.free_text.text import find_quote, normal

UNCHECKED = "denials-unchecked"
CALLS = 2
_EARNING = (Mark.MET, Mark.PARTIAL)


@dataclass(frozen=True)
class Denials:
    """What one usable reply says: for each criterion that it calls denied, the quotes that stand in the answer.

    A criterion without such a quote is a doubt: it is asked about once more, and does not count as denied by itself.
    """

    claimed: Mapping[str, tuple[str, ...]]
    model: str


def read_denials(judged: Judged, ids: Sequence[str], text: str) -> Denials | None:
    """Checks the quotes of a reply against the answer; None if the reply cannot be used."""
    reply = parse_denials(judged.reply, ids)
    if reply is None:
        return None
    claimed = {row.id: tuple(q for q in row.evidence if _stands_in(q, text)) for row in reply.denials if row.denied}
    return Denials(claimed, judged.model)


def _stands_in(quote: str, text: str) -> bool:
    return bool(normal(quote)) and find_quote(quote, text) is not None


def denied(found: Sequence[Denials], earned: Sequence[str]) -> list[str]:
    """Returns the criteria, of those that earn points, that every call calls denied and one call shows with a quote."""
    return [
        id for id in earned if all(id in one.claimed for one in found) and any(one.claimed.get(id) for one in found)
    ]


def unless_denied(bundle: ChallengeBundle, text: str, template: str, grade: Grade) -> Generator[WorkItem, Any, Grade]:
    """Returns the grade, for a person if the answer denies what it earns points for.

    Asks only where the grade would otherwise be final with points for a criterion that can be denied: once, and a
    second time only if the first reply calls something denied that earns points, because one call in twenty may be
    wrong.
    """
    if grade.review:
        return grade
    must = {c.id for c in free_text(bundle.challenge).rubric if c.kind != "must_not_claim"}
    earned = [mark.id for mark in grade.marks if mark.mark in _EARNING and mark.id in must]
    if not earned:
        return grade
    calls: list[Judged] = []
    found: list[Denials] = []
    for call in range(CALLS):
        item = denial_item(bundle, text, call, template)
        judged: Judged = yield item
        calls.append(judged)
        said = read_denials(judged, item.criteria, text)
        if said is None:
            return _noted(grade, [_unchecked(judged)], calls, found)
        found.append(said)
        if not said.claimed.keys() & set(earned):
            break
    rules = [f"denied: {id}" for id in denied(found, earned)]
    assert grade.judge is not None
    rules += ["several-models"] if {one.model for one in found} != {grade.judge.model} else []
    return _noted(grade, rules, calls, found)


def _unchecked(judged: Judged) -> str:
    is_unusable = not judged.problem or judged.problem.startswith("unusable")
    return UNCHECKED if is_unusable else f"{UNCHECKED}: {judged.problem}"


def _noted(grade: Grade, rules: list[str], calls: Sequence[Judged], found: Sequence[Denials]) -> Grade:
    notes: dict[str, Any] = {
        "denials": [dict(one.claimed) for one in found],
        "denial_replies": len(calls),
        "denial_calls": [call.call_id for call in calls if call.call_id is not None],
        "problems": [*grade.private.get("problems", []), *(call.problem for call in calls if call.problem)],
    }
    if not rules:
        return replace(grade, private={**grade.private, **notes})
    return replace(
        grade,
        review=tuple(rules),
        provisional=True,
        certainty=grade.certainty / 2,
        private={**grade.private, **notes, "rule": rules[0]},
    )
