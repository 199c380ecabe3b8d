"""Collects what a reviewer reads: the answer with its quotes, the machine's notes, and the nearest graded answers.

While an answer is marked blind, everything that the machine found is left out here, so that neither a page nor the API
can show it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.core.files.storage import storages

from challenges import marks as table
from challenges.kinds.rubric import Criterion, free_text
from challenges.spec import Challenge
from gradus.reviews import machine_writing as signs
from gradus.reviews import nearest_answers as nearest
from gradus.reviews import review_reasons as reasons
from gradus.reviews import votes as judged
from gradus.reviews.models import Appeal, Review
from gradus.submissions.models import Evaluation, Submission

SOURCES_SHOWN = 3
EARLIER_SHOWN = 3


@dataclass(frozen=True)
class Piece:
    """A part of the answer. `is_evidence` is True if the machine quoted it, for the criteria with these ids."""

    text: str
    is_evidence: bool
    criteria: tuple[str, ...] = ()


@dataclass(frozen=True)
class Notes:
    """The machine's notes from the raw result in private storage, for staff only.

    `copied` has the sources that share runs of words with the answer, each with the share in percent.
    """

    flags: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    votes: list[dict[str, str]] = field(default_factory=list)
    said: judged.Said = field(default_factory=lambda: judged.Said({}, []))
    copied: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True)
class Line:
    """A criterion with the machine's mark. `second` is the mark of the second grader, if there is one.

    `said` are the judge's votes in its own words.
    """

    criterion: Criterion
    mark: str
    points: float
    quotes: list[str]
    votes: list[str]
    second: str = ""
    said: list[judged.Vote] = field(default_factory=list)

    @property
    def is_forbidden(self) -> bool:
        """True if the criterion names a claim that the answer must not make, so that it is met without a quote."""
        return self.criterion.kind == "must_not_claim"

    @property
    def lacks_another(self) -> bool:
        """True if this is met and earns nothing, because an answer that says nothing forbids itself every claim."""
        return self.is_forbidden and self.mark == "met" and not self.points

    @property
    def is_disputed(self) -> bool:
        """True if the judge's votes differ or call this denied, a check objected to one, or one could not be used."""
        marks = {vote.mark for vote in self.said if not vote.is_denial}
        return len(marks) > 1 or any(vote.checks or vote.problem or vote.denied for vote in self.said)


@dataclass(frozen=True)
class Case:
    """Everything about one answer. While it is marked blind, it has no marks, score, quotes, votes or flags.

    `earlier` are the learner's earlier attempts with other texts, the latest first; an answer may build on them.
    `quoted` are the rows of the learner's own run that the answer quotes, with the keys of `challenges.rows.QuotedRow`.
    `copied_from` are reviews of other learners' answers with which the answer shares runs of words.
    """

    review: Review
    challenge: Challenge
    answer: str
    pieces: list[Piece]
    lines: list[Line]
    reasons: list[str]
    notes: Notes
    nearest: list[nearest.Neighbour]
    signs: list[signs.Sign]
    predicted: float | None
    appeal: Appeal | None
    earlier: list[Submission]
    copied_from: list[Review]
    quoted: list[dict[str, str]] = field(default_factory=list)

    @property
    def can_accept(self) -> bool:
        """True if a person could give all the machine's marks, so that they can be accepted as they are."""
        return not self.review.is_blind and all(line.mark in table.allowed(line.criterion) for line in self.lines)


def case(review: Review, *, with_nearest: bool = True, of_class: int | None = None) -> Case:
    """Returns everything about one review. Without `with_nearest`, no similar answers are looked for.

    With `of_class`, other answers come along only if they count for that class: a reader who teaches nothing else of
    the course sees no others.
    """
    challenge, blind = review.evaluation.version.parsed, review.is_blind
    answer = review.submission.payload.get("answer", "")
    private = raw_result(review.evaluation).get("private", {})
    machine = Notes() if blind else notes(private, challenge, review.reasons)
    open_appeal = review.submission.appeals.select_related("second").order_by("-pk").first()
    lines = blank(challenge) if blind else marked(review.evaluation, challenge, machine, open_appeal)
    shown = [rule for rule in review.reasons if rule in reasons.SHOWN_BLIND] if blind else review.reasons
    return Case(
        review=review,
        challenge=challenge,
        answer=answer,
        pieces=pieces_by_criterion(answer, lines),
        lines=lines,
        reasons=reasons.all_in_words(shown, challenge, {} if blind else quotes_of_reasons(lines, private)),
        notes=machine,
        nearest=nearest.neighbours(review, private, challenge, of_class) if with_nearest else [],
        signs=signs.signs(answer),
        predicted=None if blind else review.predicted,
        appeal=open_appeal,
        earlier=earlier_attempts(review.submission, of_class),
        copied_from=[] if blind else _within(copied_from(review, private), of_class),
        quoted=quoted_rows(review.submission),
    )


def quoted_rows(submission: Submission) -> list[dict[str, str]]:
    """Returns the rows of the learner's own run that an answer quotes; none where the question asks for none."""
    rows: list[dict[str, str]] = (submission.payload.get("own_run") or {}).get("rows", [])
    return rows


def earlier_attempts(submission: Submission, of_class: int | None = None) -> list[Submission]:
    """Returns the learner's latest attempts at the question before this one, without those that have its text.

    With `of_class`, they all count for that class.
    """
    own = Submission.objects.filter(user=submission.user_id, challenge=submission.challenge_id, pk__lt=submission.pk)
    if submission.user_id is None:
        return []
    own = own if of_class is None else own.filter(of_class=of_class)
    others = own.exclude(text_digest=submission.text_digest) if submission.text_digest else own
    return [one for one in others.order_by("-pk")[:EARLIER_SHOWN] if one.payload.get("answer")]


def _within(reviews: Iterable[Review], of_class: int | None) -> list[Review]:
    return [one for one in reviews if of_class in (None, one.submission.of_class_id)]


def copied_from(review: Review, private: dict[str, Any]) -> list[Review]:
    """Returns the reviews of the other learners' answers that a reason or a note about copies names."""
    ids = reasons.copied_submissions([*review.reasons, *list(private.get("copied", {}))[:SOURCES_SHOWN]])
    named = Review.objects.filter(submission__in=ids, submission__challenge=review.submission.challenge_id)
    return list({one.submission_id: one for one in named.order_by("pk")}.values()) if ids else []


def quotes_of_reasons(lines: Iterable[Line], private: dict[str, Any]) -> dict[str, list[str]]:
    """Returns the sentences that `denied` and `negated-quote` are about, by the reason."""
    quotes = {f"negated-quote: {line.criterion.id}": line.quotes for line in lines}
    for found in private.get("denials", []):
        for id, said in found.items():
            known = quotes.setdefault(f"denied: {id}", [])
            known += [quote for quote in said if quote not in known]
    return quotes


def pieces(answer: str, quotes: Iterable[str]) -> list[Piece]:
    """Cuts the answer at the quotes. Overlapping quotes are joined, and quotes that do not occur are left out."""
    return [Piece(text, bool(ids)) for text, ids in _cut(answer, (("", quote) for quote in quotes))]


def pieces_by_criterion(answer: str, lines: Iterable[Line]) -> list[Piece]:
    """Cuts the answer at the quotes, and names the criteria that each part was quoted for."""
    quotes = ((line.criterion.id, quote) for line in lines for quote in line.quotes)
    return [Piece(text, bool(ids), ids) for text, ids in _cut(answer, quotes)]


def _cut(answer: str, quotes: Iterable[tuple[str, str]]) -> list[tuple[str, tuple[str, ...]]]:
    """Cuts the answer into parts, each with the ids of the quotes that cover it."""
    covered: list[tuple[str, ...]] = [()] * len(answer)
    for id, quote in quotes:
        at = answer.find(quote) if quote else -1
        while at >= 0:
            for n in range(at, at + len(quote)):
                covered[n] = covered[n] if id in covered[n] else (*covered[n], id)
            at = answer.find(quote, at + len(quote))
    cuts = [n for n in range(1, len(answer)) if covered[n] != covered[n - 1]]
    edges = [0, *cuts, len(answer)]
    return [(answer[a:b], covered[a]) for a, b in pairwise(edges) if a < b]


def raw_result(evaluation: Evaluation) -> dict[str, Any]:
    """Returns what a worker has written about an evaluation to private storage, for staff only; empty if nothing."""
    store = storages["private"]
    if not evaluation.raw or not store.exists(evaluation.raw):
        return {}
    with store.open(evaluation.raw) as file:
        raw: dict[str, Any] = json.loads(file.read())
        return raw


def notes(private: dict[str, Any], challenge: Challenge, told: Iterable[str] = ()) -> Notes:
    """Returns the machine's notes, which are empty if no raw result was stored.

    A problem with the judge is left out if the reasons that are `told` name it already.
    """
    known = {rule.partition(": ")[2] for rule in told}
    copied = list(private.get("copied", {}).items())[:SOURCES_SHOWN]
    return Notes(
        flags=reasons.all_in_words(list(private.get("flags", [])), challenge),
        problems=[str(reasons.PROBLEMS.get(code, code)) for code in private.get("problems", []) if code not in known],
        votes=list(private.get("votes", [])),
        said=judged.said(private, challenge),
        copied=[(reasons.source_in_words(name), round(100 * share)) for name, share in copied],
    )


def blank(challenge: Challenge) -> list[Line]:
    """Returns the criteria without any marks."""
    return [Line(criterion, "", 0.0, [], []) for criterion in free_text(challenge).rubric]


def marked(evaluation: Evaluation, challenge: Challenge, machine: Notes, appeal: Appeal | None) -> list[Line]:
    """Returns the criteria with the machine's marks, in the order of the rubric."""
    given = {mark["id"]: mark for mark in (evaluation.result or {}).get("marks", [])}
    second = appeal.second.result if appeal is not None and appeal.second is not None else None
    seconds = {mark["id"]: mark["mark"] for mark in (second or {}).get("marks", [])}
    return [
        _line(criterion, given.get(criterion.id, {}), machine, seconds.get(criterion.id, ""))
        for criterion in free_text(challenge).rubric
    ]


def _line(criterion: Criterion, mark: dict[str, Any], machine: Notes, second: str) -> Line:
    # What stands beside a forbidden claim that is not made proves nothing.
    shows_quotes = criterion.kind != "must_not_claim" or mark.get("mark") == "not_met"
    return Line(
        criterion=criterion,
        mark=mark.get("mark", "cannot_tell"),
        points=mark.get("points", 0.0),
        quotes=list(mark.get("evidence", [])) if shows_quotes else [],
        votes=[vote.get(criterion.id, "") for vote in machine.votes],
        second=second,
        said=machine.said.by_criterion.get(criterion.id, []),
    )
