"""Turns a reply of the judge into a ballot, one mark per criterion, and checks each quote against the answer."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from challenges.kinds.rubric import Criterion, free_text
from challenges.marks import score
from challenges.shingles import words
from challenges.spec import Challenge
from graders.base import Judged, Mark
from graders.free_text.cleaning import Cleaned
from graders.free_text.judge.reply import ReplyMark, parse
from graders.free_text.text import content_words, echoes, find_quote, is_negation, normal, sentence_spans

_DENIED_BEFORE = re.compile(
    r"\bit(?:\s+is|'s)\s+(?:\w+\s+)?(?:false|untrue|wrong|incorrect|nonsense|not\s+true|not\s+the\s+case)\s+(?:that|to)\b"
    r"|\bis\s+(?:\w+\s+)?(?:false|untrue|nonsense|a\s+myth)\b"
    r"|\b(?:don't|do\s+not|doesn't|does\s+not|disagree)\s+(?:think|believe|agree|mean)\b"
    r"|\b(?:contrary\s+to|nobody\s+should|some\s+(?:people\s+)?(?:say|claim))\b",
    re.IGNORECASE,
)
_DENIED_AFTER = re.compile(
    r"\bis\s+(?:\w+\s+)?(?:false|untrue|nonsense|a\s+myth|not\s+true)\b"
    r"|\b(?:that|this|which)\s+is\s+(?:\w+\s+)?(?:wrong|incorrect)\b",
    re.IGNORECASE,
)

# A reason, or a clause of the learner's own, after 'I do not agree with them' is not denied.
_CLAUSE_END = re.compile(r"[,;:]\s|\b(?:because|since|but)\b", re.IGNORECASE)
# A shorter match may be a learner's own words for what a criterion asks, because learners do not see its text.
ECHO_WORDS_MIN = 8


@dataclass(frozen=True)
class Ballot:
    """The marks of one usable call.

    `failed` holds failed checks, which ask for a review by a person; `doubts` are reasons for more votes only.
    `confidence` is the judge's lowest confidence of all criteria, from 0 to 100; `model` is the model that answered.
    `alone` is the share of the points, in [0, 1], that the reply gives by itself, before any check of quotes.
    """

    marks: dict[str, Mark]
    evidence: dict[str, tuple[str, ...]]
    failed: tuple[str, ...]
    doubts: tuple[str, ...]
    call_id: int | None
    confidence: float = 100
    model: str = ""
    alone: float = 0.0


def read_ballot(judged: Judged, challenge: Challenge, cleaned: Cleaned) -> Ballot | None:
    """Checks a reply against the rubric and the answer; None if the reply cannot be used."""
    reply = parse(judged.reply, [c.id for c in free_text(challenge).rubric])
    if reply is None:
        return None
    marked = {m.id: m for m in reply.criteria}
    checks = {c.id: _check(c, marked[c.id], challenge, cleaned) for c in free_text(challenge).rubric}
    failed = [f"{rule}: {id}" for id, check in checks.items() for rule in check.failed]
    failed += ["contradictions"] if reply.contradictions else []
    failed += ["addresses-grader"] if reply.addresses_grader else []
    failed += ["one-quote-for-all"] if _same_quote(checks) else []
    return Ballot(
        marks={id: check.mark for id, check in checks.items()},
        evidence={id: check.evidence for id, check in checks.items()},
        failed=tuple(failed),
        doubts=tuple(f"{rule}: {id}" for id, check in checks.items() for rule in check.doubts),
        call_id=judged.call_id,
        confidence=min(mark.confidence for mark in reply.criteria),
        model=judged.model,
        alone=score(free_text(challenge).rubric, {id: marked[id].mark for id in checks}),
    )


@dataclass(frozen=True)
class _Check:
    mark: Mark
    evidence: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def _check(criterion: Criterion, marked: ReplyMark, challenge: Challenge, cleaned: Cleaned) -> _Check:
    spans = [find_quote(quote, cleaned.text) for quote in marked.evidence]
    valid = [span for span in spans if span and not _is_borrowed(cleaned.text[slice(*span)], criterion, challenge)]
    doubts = ["quote-not-valid"] if len(valid) < len(spans) else []
    doubts += ["low-confidence"] if marked.confidence < free_text(challenge).gate.confidence else []
    evidence = tuple(cleaned.text[a:b] for a, b in valid)
    if criterion.kind == "must_not_claim":
        doubts += ["no-quote"] if marked.mark is Mark.NOT_MET and not valid else []
        return _Check(marked.mark, evidence if marked.mark is Mark.NOT_MET else (), (), tuple(doubts))
    if marked.mark not in (Mark.MET, Mark.PARTIAL):
        return _Check(marked.mark, (), (), tuple(doubts))
    if not valid:
        return _Check(Mark.NOT_MET, (), ("no-evidence",), tuple(doubts))
    failed = ("negated-quote",) if any(is_denied(span, cleaned.text) for span in valid) else ()
    return _Check(marked.mark, evidence, failed, tuple(doubts))


def _same_quote(checks: Mapping[str, _Check]) -> bool:
    """Returns whether one quote supports at least three criteria and most of the criteria that earn points."""
    uses = Counter(quote for check in checks.values() for quote in set(check.evidence))
    earning = sum(bool(check.evidence) for check in checks.values())
    return max(uses.values(), default=0) >= max(3, 0.75 * earning)


def is_denied(span: tuple[int, int], text: str) -> bool:
    """Returns whether the answer denies the words at `span`: 'it is false that ...', 'not ...' or '... is a myth'."""
    start = max((a for a, _ in sentence_spans(text) if a <= span[0]), default=0)
    end = min((b for _, b in sentence_spans(text) if b >= span[1]), default=len(text))
    before, quote, after = text[start : span[0]], text[span[0] : span[1]], text[span[1] : end]
    before = _CLAUSE_END.split(before)[-1]
    if _DENIED_BEFORE.search(before + quote) or _DENIED_AFTER.search(after):
        return True
    # 'No release without a comparison' denies twice, which is no denial.
    return any(map(is_negation, words(before)[-2:])) and sum(map(is_negation, words(before))) % 2 == 1


def _is_borrowed(quote: str, criterion: Criterion, challenge: Challenge) -> bool:
    """Returns whether the quote only repeats words of the question or the criterion, which shows no knowledge."""
    shown = " ".join((free_text(challenge).question or "", *(c.label for c in free_text(challenge).rubric)))
    is_long = len(content_words(quote)) >= ECHO_WORDS_MIN
    return not normal(quote) or echoes(quote, shown, known=0.8) or (is_long and echoes(quote, criterion.text))
