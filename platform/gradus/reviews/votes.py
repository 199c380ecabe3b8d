"""Shows staff the judge's votes on each criterion in its own words, with the code checks that objected to them.

The judge's words are untrusted, because a model wrote them after reading a learner's answer. They are shown as text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from challenges.kinds.rubric import Criterion, free_text
from challenges.spec import Challenge
from gradus.reviews import review_reasons as reasons
from gradus.reviews.models import JudgeCall

TEXT_CHARS = 600


@dataclass(frozen=True)
class Vote:
    """One call's vote on one criterion. `counted` is the mark after the checks, if they changed the judge's mark.

    A call with `is_denial` was asked whether the answer denies the criterion, which `denied` says; it gives no mark. If
    the call had no usable reply, only `problem` is set.
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
    is_denial: bool = False
    denied: bool = False


@dataclass(frozen=True)
class Said:
    """All calls for one grade: the votes by criterion, and the checks on each reply as a whole, by its number."""

    by_criterion: Mapping[str, list[Vote]]
    overall: list[tuple[int, list[str]]]


def said(private: Mapping[str, Any], challenge: Challenge) -> Said:
    """Returns the votes in a raw result. Calls may belong to another evaluation of an equal answer (the cache)."""
    calls, denial_calls = (_calls(private.get(name, [])) for name in ("calls", "denial_calls"))
    checks, counted = list(private.get("checks", [])), list(private.get("votes", []))
    nothing: tuple[list[str], dict[str, str]] = ([], {})
    usable = iter(zip(checks, counted, strict=False))
    per_call = [(call, next(usable, nothing) if call.reply is not None else nothing) for call in calls]
    votes = {
        criterion.id: [
            *(
                _vote(n, call, criterion.id, rules, marks, challenge)
                for n, (call, (rules, marks)) in enumerate(per_call, 1)
            ),
            *_denials(criterion, denial_calls, list(private.get("denials", [])), challenge),
        ]
        for criterion in free_text(challenge).rubric
    }
    overall = [(n, _overall(rules, challenge)) for n, (_call, (rules, _marks)) in enumerate(per_call, 1)]
    return Said(votes, [(n, found) for n, found in overall if found])


def _vote(
    number: int, call: JudgeCall, id: str, rules: Sequence[str], marks: Mapping[str, str], challenge: Challenge
) -> Vote:
    row = next((one for one in (call.reply or {}).get("criteria", []) if one.get("id") == id), None)
    if row is None:
        return Vote(number, call.model, problem=call.problem or _("no reply"))
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


def _denials(
    criterion: Criterion, calls: Sequence[JudgeCall], valid: Sequence[Mapping[str, Any]], challenge: Challenge
) -> Iterator[Vote]:
    """Yields what each call says about whether the answer denies a criterion; `valid` are the quotes that it contains.

    Nobody asks about criteria that forbid a claim.
    """
    if criterion.kind == "must_not_claim":
        return
    shown = iter(valid)
    for number, call in enumerate(calls, 1):
        rows = (call.reply or {}).get("denials", [])
        row = next((one for one in rows if one.get("id") == criterion.id), None)
        if row is None:
            yield Vote(number, call.model, problem=call.problem or _("no reply"), is_denial=True)
            continue
        quoted, denied = next(shown, {}).get(criterion.id), bool(row.get("denied"))
        yield Vote(
            number=number,
            model=call.model,
            reason=str(row.get("reason", ""))[:TEXT_CHARS],
            quotes=[str(quote)[:TEXT_CHARS] for quote in row.get("evidence", [])],
            checks=[] if quoted or not denied else [reasons.in_words("quote-not-valid", challenge)],
            is_denial=True,
            denied=denied,
        )


def _calls(ids: Sequence[int]) -> list[JudgeCall]:
    """Returns the calls that are still kept, in the order of the ids."""
    known = JudgeCall.objects.in_bulk(list(ids))
    return [known[pk] for pk in ids if pk in known]


def _overall(rules: Sequence[str], challenge: Challenge) -> list[str]:
    """Returns the checks that concern the reply as a whole, not a single criterion."""
    ids = {criterion.id for criterion in free_text(challenge).rubric}
    return [reasons.in_words(rule, challenge) for rule in rules if rule.partition(": ")[2] not in ids]
