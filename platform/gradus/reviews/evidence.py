"""What a reviewer reads: the answer with its evidence marked, the machine's notes, the nearest graded answers.

Of a blind audit everything that the machine found is left out here, so that no page and no call can show it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from challenges import marks as table
from challenges.kinds.rubric import Criterion, free_text
from challenges.spec import Challenge
from gradus.reviews import machine_writing as signs
from gradus.reviews import nearest_answers as nearest
from gradus.reviews import review_reasons as reasons
from gradus.reviews import votes as judged
from gradus.reviews.models import Appeal, Review
from gradus.reviews.raw_results import raw_result
from gradus.submissions.models import Evaluation

SOURCES_SHOWN = 3


@dataclass(frozen=True)
class Piece:
    """A stretch of the answer; `is_evidence` where the machine quoted it."""

    text: str
    is_evidence: bool


@dataclass(frozen=True)
class Neighbour:
    """A graded answer near to this one; `score` in [0, 1]; `by` is `author` (a gold answer) or `person`."""

    likeness: float
    answer: str
    marks: dict[str, str]
    score: float
    by: str


@dataclass(frozen=True)
class Notes:
    """From the raw result in private storage; for staff only. `reasons` of the judge's votes are its raw words.

    `copied` has the sources with which the answer shares runs of words, and the share in percent.
    """

    flags: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    votes: list[dict[str, str]] = field(default_factory=list)
    said: judged.Said = field(default_factory=lambda: judged.Said({}, []))
    copied: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """One criterion beside what the machine made of it; `second` is the second grader's mark, where there is one.

    `said` are the judge's own words, vote by vote.
    """

    criterion: Criterion
    mark: str
    points: float
    quotes: list[str]
    votes: list[str]
    second: str = ""
    said: list[judged.Vote] = field(default_factory=list)

    @property
    def is_disputed(self) -> bool:
        """Whether the judge's votes differ, a check fired on one, or one could not be used."""
        return len({vote.mark for vote in self.said}) > 1 or any(vote.checks or vote.problem for vote in self.said)


@dataclass(frozen=True)
class Case:
    """All that is beside one answer. While the audit is blind: no mark, no score, no quote, no vote, no flag."""

    review: Review
    challenge: Challenge
    answer: str
    pieces: list[Piece]
    lines: list[Line]
    reasons: list[str]
    notes: Notes
    nearest: list[Neighbour]
    signs: list[signs.Sign]
    predicted: float | None
    appeal: Appeal | None

    @property
    def can_accept(self) -> bool:
        """Whether the machine's marks are all of the kind that a person may give."""
        return not self.review.is_blind and all(line.mark in table.allowed(line.criterion) for line in self.lines)


def case(review: Review) -> Case:
    """Reads everything about one review."""
    challenge, blind = review.evaluation.version.parsed, review.is_blind
    answer = review.submission.payload.get("answer", "")
    private = raw_result(review.evaluation).get("private", {})
    found = Notes() if blind else notes(private, challenge)
    open_appeal = review.submission.appeals.select_related("second").order_by("-pk").first()
    lines = blank(challenge) if blind else marked(review.evaluation, challenge, found, open_appeal)
    shown = [rule for rule in review.reasons if rule in ("audit", "appeal")] if blind else review.reasons
    return Case(
        review=review,
        challenge=challenge,
        answer=answer,
        pieces=pieces(answer, [quote for line in lines for quote in line.quotes]),
        lines=lines,
        reasons=reasons.all_in_words(shown, challenge),
        notes=found,
        nearest=neighbours(review, private, challenge),
        signs=signs.signs(answer),
        predicted=None if blind else review.predicted,
        appeal=open_appeal,
    )


def pieces(answer: str, quotes: Iterable[str]) -> list[Piece]:
    """The answer cut at the quotes; overlapping quotes are one stretch, quotes that do not occur are left out."""
    covered = [False] * len(answer)
    for quote in quotes:
        at = answer.find(quote) if quote else -1
        while at >= 0:
            covered[at : at + len(quote)] = [True] * len(quote)
            at = answer.find(quote, at + len(quote))
    cuts = [n for n in range(1, len(answer)) if covered[n] != covered[n - 1]]
    edges = [0, *cuts, len(answer)]
    return [Piece(answer[a:b], covered[a]) for a, b in pairwise(edges) if a < b]


def notes(private: dict[str, Any], challenge: Challenge) -> Notes:
    """Empty where the machine kept nothing."""
    copied = list(private.get("copied", {}).items())[:SOURCES_SHOWN]
    return Notes(
        flags=reasons.all_in_words(list(private.get("flags", [])), challenge),
        problems=list(private.get("problems", [])),
        votes=list(private.get("votes", [])),
        said=judged.said(private, challenge),
        copied=[(reasons.source_in_words(name), round(100 * share)) for name, share in copied],
    )


def neighbours(review: Review, private: dict[str, Any], challenge: Challenge) -> list[Neighbour]:
    """The author's nearest graded answers, as the worker found them by embedding; then those of people, by words."""
    found = [
        _neighbour(i["likeness"], i["answer"], i["marks"], challenge, "author") for i in private.get("nearest", [])
    ]
    decided = nearest.person_graded(review)
    return found + [
        _neighbour(near, other.submission.payload["answer"], other.marks, challenge, "person")
        for near, other in decided
    ]


def _neighbour(likeness: float, answer: str, marks: dict[str, str], challenge: Challenge, by: str) -> Neighbour:
    return Neighbour(likeness, answer, marks, table.score(free_text(challenge).rubric, marks), by)


def blank(challenge: Challenge) -> list[Line]:
    """The criteria alone."""
    return [Line(criterion, "", 0.0, [], []) for criterion in free_text(challenge).rubric]


def marked(evaluation: Evaluation, challenge: Challenge, found: Notes, appeal: Appeal | None) -> list[Line]:
    """In the rubric's order."""
    given = {mark["id"]: mark for mark in (evaluation.result or {}).get("marks", [])}
    second = appeal.second.result if appeal is not None and appeal.second is not None else None
    seconds = {mark["id"]: mark["mark"] for mark in (second or {}).get("marks", [])}
    return [
        _line(criterion, given.get(criterion.id, {}), found, seconds.get(criterion.id, ""))
        for criterion in free_text(challenge).rubric
    ]


def _line(criterion: Criterion, mark: dict[str, Any], found: Notes, second: str) -> Line:
    return Line(
        criterion=criterion,
        mark=mark.get("mark", "cannot_tell"),
        points=mark.get("points", 0.0),
        quotes=list(mark.get("evidence", [])),
        votes=[vote.get(criterion.id, "") for vote in found.votes],
        second=second,
        said=found.said.by_criterion.get(criterion.id, []),
    )
