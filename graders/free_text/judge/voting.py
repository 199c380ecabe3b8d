"""Combines ballots into one mark per criterion, and finds the rules that send the grade to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from challenges.kinds.rubric import Criterion, free_text
from challenges.marks import SHARES, score
from challenges.spec import Challenge
from graders.base import Mark
from graders.free_text.judge.ballot import Ballot

SPLIT_SHARE = 0.20
EXACT = 1e-9
# A mark that differs so much from the estimate asks for more votes, and one that is so far below it for a person.
VOTE_GAP = 0.35
BELOW_GAP = 0.9
# So far above the estimate a score asks for a person, and so far from it the mark of a split vote.
REVIEW_GAP = 0.5
SPREAD_MAX = 0.25
AGREEING_MIN = 0.75


@dataclass(frozen=True)
class Decision:
    """The marks of the majority with their quotes, the ids of split criteria, and the spread of the calls' scores.

    A criterion is split if fewer than three quarters of the calls agree: four calls against one are not a split. With
    five calls the highest and the lowest score are left out of the spread.
    """

    marks: dict[str, Mark]
    evidence: dict[str, tuple[str, ...]]
    split: tuple[str, ...]
    spread: float


def decide(challenge: Challenge, ballots: Sequence[Ballot]) -> Decision:
    """Takes the majority of at least one ballot for each criterion; without a majority the mark is `cannot_tell`."""
    rubric = free_text(challenge).rubric
    marks = {c.id: _majority([ballot.marks[c.id] for ballot in ballots]) for c in rubric}
    scores = sorted(score(rubric, ballot.marks) for ballot in ballots)
    outliers = (len(scores) - 1) // 4
    return Decision(
        marks,
        {id: _evidence(id, mark, ballots) for id, mark in marks.items()},
        tuple(c.id for c in rubric if _agreeing([ballot.marks[c.id] for ballot in ballots]) < AGREEING_MIN),
        scores[-1 - outliers] - scores[outliers],
    )


def decisive(challenge: Challenge, marks: Mapping[str, Mark]) -> tuple[str, ...]:
    """Returns the criteria for which a neighbouring mark would change the verdict."""
    rubric, passing = free_text(challenge).rubric, challenge.pass_
    passed = score(rubric, marks) >= passing - 1e-9
    return tuple(
        c.id
        for c in rubric
        if any(
            (score(rubric, {**marks, c.id: other}) >= passing - 1e-9) != passed for other in _neighbours(c, marks[c.id])
        )
    )


def unlike(marks: Mapping[str, Mark], values: Mapping[str, float], gap: float) -> list[str]:
    """Returns the criteria whose mark differs from the estimate by at least the share `gap` of the points.

    `values` are the estimated shares in [0, 1] of each criterion's points.
    """
    return [id for id, mark in marks.items() if abs(SHARES[mark] - values[id]) >= gap]


def review_rules(
    challenge: Challenge, decision: Decision, flags: Sequence[str], values: Mapping[str, float]
) -> list[str]:
    """Returns the rules of this decision that ask for a person; a flag does so only if the answer earns points.

    `values` are the estimated shares in [0, 1] of each criterion's points. A split vote on a heavy criterion asks for a
    person unless the estimate agrees with the majority. With 5 % wrong marks and three heavy criteria, every third
    honest answer has such a split, and nearly all majorities are right. Where all votes agree, the judge may have
    repeated its error, and only the estimate can speak against it: with a score far above it the judge may have been
    manipulated, and of the marks far below it every second one was wrong.
    """
    rubric = free_text(challenge).rubric
    total = sum(c.points for c in rubric)
    heavy = {c.id for c in rubric if c.points / total >= SPLIT_SHARE}
    doubtful = unlike(decision.marks, values, REVIEW_GAP)
    earned = score(rubric, decision.marks)
    rules = [f"cannot-tell: {id}" for id, mark in decision.marks.items() if mark is Mark.CANNOT_TELL]
    rules += [f"split-vote: {id}" for id in decision.split if id in heavy and id in doubtful]
    rules += ["votes-apart"] if decision.spread > SPREAD_MAX else []
    turning = set(decisive(challenge, decision.marks))
    rules += ["near-pass-mark"] if turning & set(decision.split) else []
    above = earned - sum(c.points * values[c.id] for c in rubric) / total
    rules += ["score-above-estimate"] if above >= REVIEW_GAP - EXACT else []
    rules += [
        f"unlike-graded-answers: {c.id}" for c in rubric if values[c.id] - SHARES[decision.marks[c.id]] >= BELOW_GAP
    ]
    return rules + (list(flags) if earned > 0 else [])


def _majority(marks: Sequence[Mark]) -> Mark:
    mark, count = Counter(marks).most_common(1)[0]
    return mark if count * 2 > len(marks) else Mark.CANNOT_TELL


def _agreeing(marks: Sequence[Mark]) -> float:
    """Returns the share of the calls that gave the most frequent mark."""
    return Counter(marks).most_common(1)[0][1] / len(marks)


def _evidence(id: str, mark: Mark, ballots: Sequence[Ballot]) -> tuple[str, ...]:
    return next((ballot.evidence[id] for ballot in ballots if ballot.marks[id] is mark), ())


def _neighbours(criterion: Criterion, mark: Mark) -> tuple[Mark, ...]:
    """Returns the marks one step away from this one, which a judge may confuse with it."""
    steps = [Mark.NOT_MET, Mark.PARTIAL, Mark.MET] if criterion.partial == "half" else [Mark.NOT_MET, Mark.MET]
    if mark not in steps:
        return tuple(steps)
    place = steps.index(mark)
    return tuple(steps[n] for n in (place - 1, place + 1) if 0 <= n < len(steps))
