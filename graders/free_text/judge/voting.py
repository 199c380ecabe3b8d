"""Combines ballots into one mark per criterion, and finds the rules that send the grade to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from challenges.kinds.rubric import Criterion, free_text
from challenges.marks import score
from challenges.spec import Challenge
from graders.base import Mark
from graders.free_text.judge.ballot import Ballot

SPLIT_SHARE = 0.20
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


def review_rules(challenge: Challenge, decision: Decision, flags: Sequence[str], unlike: Sequence[str]) -> list[str]:
    """Returns the rules of this decision that ask for a person; a flag does so only if the answer earns points.

    `unlike` are the criteria whose mark the embedding estimate does not support. A split vote on a heavy criterion asks
    for a person unless the estimate agrees with the majority. With 5 % wrong marks and three heavy criteria, every
    third honest answer has such a split, and nearly all majorities are right.
    """
    total = sum(c.points for c in free_text(challenge).rubric)
    heavy = {c.id for c in free_text(challenge).rubric if c.points / total >= SPLIT_SHARE}
    rules = [f"cannot-tell: {id}" for id, mark in decision.marks.items() if mark is Mark.CANNOT_TELL]
    rules += [f"split-vote: {id}" for id in decision.split if id in heavy and id in unlike]
    rules += ["votes-apart"] if decision.spread > SPREAD_MAX else []
    turning = set(decisive(challenge, decision.marks))
    rules += ["near-pass-mark"] if turning & set(decision.split) else []
    return rules + (list(flags) if score(free_text(challenge).rubric, decision.marks) > 0 else [])


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
