"""Grades one free-text answer: checks in code, a call of the judge, more checks, and more votes if in doubt."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from challenges.bundle import ChallengeBundle
from challenges.kinds.free_text import FreeTextPayload
from challenges.kinds.rubric import GATE_ANSWERS, free_text
from challenges.marks import nearest, points
from challenges.rows import QuotedRow
from challenges.shingles import words
from challenges.spec import Challenge
from graders.base import (
    Assignment,
    CriterionMark,
    Embed,
    Embedded,
    Grade,
    Grading,
    Judge,
    Judged,
    JudgeId,
    Mark,
    WorkItem,
)
from graders.free_text import copies, speech_acts
from graders.free_text.cleaning import Cleaned, clean, clean_rows
from graders.free_text.judge.ballot import Ballot, read_ballot
from graders.free_text.judge.denials import unless_denied
from graders.free_text.judge.messages import VOTES, VOTES_IF_SPLIT, judge_item, version_for
from graders.free_text.judge.voting import VOTE_GAP, decide, decisive, review_rules, unlike
from graders.free_text.speech_acts import Vectors, compared
from graders.free_text.text import language_of
from graders.free_text.verifier.estimate import Estimate, embed_item, estimate

UNUSABLE = "unusable"


@dataclass(frozen=True)
class Case:
    """An answer to a question with everything that code alone finds out about it.

    `quoted` are the rows of the learner's own run, cleaned as the answer is.
    """

    assignment: Assignment
    cleaned: Cleaned
    flags: tuple[str, ...]
    quoted: tuple[QuotedRow, ...] = ()

    @property
    def bundle(self) -> ChallengeBundle:
        return self.assignment.bundle

    @property
    def text(self) -> str:
        return self.cleaned.text

    @property
    def template(self) -> str:
        """The name and digest of the judge's prompt template."""
        return version_for(self.bundle.challenge, self.assignment.template)

    @cached_property
    def copied(self) -> dict[str, float]:
        """The share of the answer that is copied word for word from each source."""
        return copies.shares(self.text, self.bundle, self.assignment.sources)


def grade(assignment: Assignment) -> Grading:
    """Yields an Embed item and Judge items; a run (`hidden=False`) yields nothing and has no score.

    One, three or five calls ask for marks. Where they would end the grade with points, one call or two ask whether the
    answer denies what it was given them for.

    Without a call, only empty answers and exact matches with gold answers that the author graded zero are final, and of
    a question in pilot mode not even those. If the judge is absent or its replies cannot be used, the score comes from
    the built-in verifier and is provisional. If the judge has not passed the gate on this content
    (`assignment.calibrated`), its own marks are provisional.
    """
    assert isinstance(assignment.payload, FreeTextPayload)
    case = prepare(assignment, assignment.payload)
    rule = copies.zero_rule(case.cleaned, case.bundle, assignment.payload.quoted)
    if not assignment.hidden:
        return _checked(case, rule)
    if rule is not None:
        return zero(case, rule)
    return (yield from _judged(case))


def prepare(assignment: Assignment, payload: FreeTextPayload) -> Case:
    """Cleans an answer and the rows that it quotes, and collects their flags."""
    bundle = assignment.bundle
    authors = [
        free_text(bundle.challenge).question or "",
        free_text(bundle.challenge).model_answer or "",
        *(g.answer for g in bundle.gold),
    ]
    cleaned = clean(payload.answer, bundle.challenge.limits.answer_chars, language_of(authors))
    known = ("known-attack",) if copies.is_known_attack(cleaned.text, bundle) else ()
    quoted, flags = clean_rows(payload.quoted)
    return Case(assignment, cleaned, tuple(dict.fromkeys((*cleaned.flags, *flags, *known))), quoted)


def _checked(case: Case, rule: str | None) -> Grade:
    low, high = free_text(case.bundle.challenge).words
    count = len(words(case.text))
    # It does not say whether code would settle the answer, because that would reveal the author's graded answers.
    figures = {"words": float(count), "within_words": float(low <= count <= high)}
    return Grade(score=None, public_metrics=figures, review=case.flags, private={"rule": rule, "flags": case.flags})


def _judged(case: Case) -> Grading:
    first: Judged = yield _call(case, 0)
    item = embed_item(case.bundle, case.text)
    asked = Embed(
        tuple(dict.fromkeys((*item.texts, *compared(case.text, free_text(case.bundle.challenge).rubric)))), item.stage
    )
    embedded: Embedded = yield asked
    guess = estimate(case.bundle, case.text, asked, embedded)
    if first.reply is None and not first.problem.startswith(UNUSABLE):
        return _provisional(case, guess, f"no-judge: {first.problem}", [first])
    calls, ballots = [first], _usable([read_ballot(first, case.bundle.challenge, case.cleaned)])
    doubts = _doubts(case, ballots[0], guess) if ballots else ["unusable-reply"]
    if doubts:
        yield from _vote(case, VOTES, calls, ballots)
        if ballots and decide(case.bundle.challenge, ballots).split:
            yield from _vote(case, VOTES_IF_SPLIT, calls, ballots)
    if not ballots:
        return _provisional(case, guess, "unscored: no usable reply", calls)
    vectors = {text: np.asarray(vector) for text, vector in zip(asked.texts, embedded.vectors, strict=True)}
    grade = _final(case, calls, ballots, guess, doubts, vectors)
    return (yield from unless_denied(case.bundle, case.text, case.assignment.template, grade))


def _call(case: Case, vote: int) -> Judge:
    return judge_item(case.bundle, case.text, vote, case.assignment.template, case.quoted)


def _vote(case: Case, votes: int, calls: list[Judged], ballots: list[Ballot]) -> Generator[WorkItem, Any, None]:
    """Calls the judge until there are `votes` calls, and adds the calls and their usable ballots to the lists."""
    for vote in range(len(calls), votes):
        judged: Judged = yield _call(case, vote)
        calls.append(judged)
        ballots += _usable([read_ballot(judged, case.bundle.challenge, case.cleaned)])


def _usable(ballots: list[Ballot | None]) -> list[Ballot]:
    return [ballot for ballot in ballots if ballot is not None]


def _doubts(case: Case, ballot: Ballot, guess: Estimate) -> list[str]:
    """Returns the reasons why one call is not enough."""
    challenge = case.bundle.challenge
    doubts = [*ballot.failed, *ballot.doubts]
    doubts += [f"cannot-tell: {id}" for id, mark in ballot.marks.items() if mark is Mark.CANNOT_TELL]
    doubts += [f"unlike-graded-answers: {id}" for id in unlike(ballot.marks, guess.values, VOTE_GAP)]
    doubts += ["near-pass-mark"] if decisive(challenge, ballot.marks) else []
    return doubts


def _final(
    case: Case, calls: list[Judged], ballots: list[Ballot], guess: Estimate, doubts: list[str], vectors: Vectors
) -> Grade:
    challenge = case.bundle.challenge
    decision = decide(challenge, ballots)
    rules = review_rules(challenge, decision, case.flags, guess.values)
    rules += copies.rules(case.copied)
    earned = {id: decision.evidence[id] for id, mark in decision.marks.items() if mark in (Mark.MET, Mark.PARTIAL)}
    rules += speech_acts.found(case.text, earned)
    rules += speech_acts.advises_against(case.text, free_text(challenge).rubric, decision.marks, vectors)
    rules += sorted({rule for ballot in ballots for rule in ballot.failed})
    rules += ["unusable-reply"] if len(ballots) < len(calls) else []
    judge = JudgeId(ballots[0].model, case.template)
    rules += _uncalibrated(case, judge, ballots)
    marks = criterion_marks(challenge, decision.marks, decision.evidence)
    sure = min(ballot.confidence for ballot in ballots) / 100 / (2 if rules else 1)
    return graded_by(marks, rules, _notes(case, guess, calls, ballots, doubts), judge, sure)


def _uncalibrated(case: Case, judge: JudgeId, ballots: list[Ballot]) -> list[str]:
    """Returns rules of the gate: a grade is final only if exactly this judge passed its calibration on this content."""
    passed = case.assignment.calibrated
    if len({ballot.model for ballot in ballots}) > 1:
        return ["several-models"]
    return [] if passed is None or judge in passed else ["no-calibration"]


def _provisional(case: Case, guess: Estimate, rule: str, calls: list[Judged]) -> Grade:
    challenge = case.bundle.challenge
    marks = {c.id: Mark(nearest(guess.values[c.id], c)) for c in free_text(challenge).rubric}
    # The estimate compares whole answers, so no sentence of this one is evidence for a mark.
    shown = criterion_marks(challenge, marks, {})
    return graded_by(
        shown,
        [rule, *case.flags, *copies.rules(case.copied), *speech_acts.found(case.text, {})],
        _notes(case, guess, calls, [], []),
        None,
        guess.certainty,
    )


def _notes(
    case: Case, guess: Estimate, calls: list[Judged], ballots: list[Ballot], doubts: list[str]
) -> dict[str, Any]:
    """Notes for staff about the grade; learners never see them."""
    return {
        **({"judge_alone": ballots[0].alone} if ballots else {}),
        "judge": {
            "models": sorted({b.model for b in ballots}),
            "template": case.template,
        },
        "content": case.bundle.digest,
        "flags": case.flags,
        "copied": {name: round(share, 3) for name, share in case.copied.items()},
        "sources": copies.digest_of(case.assignment.sources),
        "doubts": doubts,
        "verifier": {id: round(value, 3) for id, value in guess.values.items()},
        "nearest": [{"likeness": near, "answer": g.answer, "marks": g.marks} for near, g in guess.nearest],
        "replies": len(calls),
        "votes": [dict(ballot.marks) for ballot in ballots],
        "checks": [sorted({*ballot.failed, *ballot.doubts}) for ballot in ballots],
        "calls": [call.call_id for call in calls if call.call_id is not None],
        "problems": [call.problem for call in calls if call.problem],
    }


def criterion_marks(
    challenge: Challenge, marks: Mapping[str, Mark], evidence: Mapping[str, tuple[str, ...]]
) -> tuple[CriterionMark, ...]:
    """Returns the marks shown to the learner, in the rubric's order; `improve` is filled only if points are missing."""
    earned = points(free_text(challenge).rubric, marks)
    return tuple(
        CriterionMark(
            id=c.id,
            label=c.label,
            mark=marks[c.id],
            points=earned[c.id],
            points_max=c.points,
            evidence=evidence.get(c.id, ()),
            improve=c.improve if earned[c.id] < c.points else "",
        )
        for c in free_text(challenge).rubric
    )


def graded_by(
    marks: tuple[CriterionMark, ...],
    rules: Sequence[str],
    private: Mapping[str, Any],
    judge: JudgeId | None,
    certainty: float,
) -> Grade:
    """Returns the grade for these marks; `rules` are those that ask for a person, and empty for a final grade."""
    review = tuple(dict.fromkeys(rules))
    return Grade(
        score=min(1.0, sum(mark.points for mark in marks) / sum(mark.points_max for mark in marks)),
        marks=marks,
        review=review,
        provisional=bool(review),
        judge=judge,
        certainty=certainty,
        private={**private, "rule": review[0] if review else "accepted"},
    )


def zero(case: Case, rule: str) -> Grade:
    """Returns a score of 0 that needs no call of the judge. It is final unless the question is in pilot mode."""
    nothing = {c.id: Mark.NOT_MET for c in free_text(case.bundle.challenge).rubric}
    marks = criterion_marks(case.bundle.challenge, nothing, {})
    review = ("pilot-mode",) if _is_pilot(case.assignment) else ()
    notes = {"rule": rule, "flags": case.flags}
    return Grade(score=0.0, marks=marks, review=review, provisional=bool(review), private=notes)


def _is_pilot(assignment: Assignment) -> bool:
    """Whether people review every answer: too few are marked to measure a judge on, and none has passed the gate."""
    calibration = sum(row.role == "calibration" for row in assignment.bundle.gold)
    return assignment.calibrated == frozenset() and calibration < GATE_ANSWERS
