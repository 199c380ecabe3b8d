"""What code may decide alone: trivial zeros, and answers that the author has graded already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from challenges.bundle import ChallengeBundle
from challenges.spec import Benign, Criterion, GoldAnswer
from graders.base import Mark
from graders.free_text.points import score
from graders.free_text.text import containment, content_words, echoes, normal

CONTENT_WORDS_MIN = 3
COPY_SHARE = 0.8
COPY_WORDS_MIN = 12


def trivial_zero(text: str, question: str) -> str | None:
    """Why a cleaned answer is worth nothing without a call: 'empty', 'few-words', 'question-only', or None."""
    own = content_words(text)
    if not text:
        return "empty"
    if len(set(own)) < CONTENT_WORDS_MIN:
        return "few-words"
    return "question-only" if echoes(text, question) else None


def gold_score(gold: GoldAnswer | Benign, rubric: Iterable[Criterion]) -> float:
    """The author's score of a gold answer, in [0, 1]; a criterion without a mark counts as not met."""
    marks: Mapping[str, str] = gold.marks
    criteria = tuple(rubric)
    return score(criteria, {c.id: Mark(marks.get(c.id, Mark.NOT_MET)) for c in criteria})


def _graded(bundle: ChallengeBundle) -> tuple[GoldAnswer | Benign, ...]:
    return (*bundle.gold, *bundle.benign)


def same_gold(text: str, bundle: ChallengeBundle) -> GoldAnswer | Benign | None:
    """The answer that the author has graded with the same words in the same order, if there is one."""
    own = normal(text)
    return next((row for row in _graded(bundle) if normal(row.answer) == own), None)


def copies(text: str, bundle: ChallengeBundle) -> bool:
    """Whether the answer is made of the words of the model answer or of one good gold answer, in any order."""
    if len(set(content_words(text))) < COPY_WORDS_MIN:
        return False
    rubric, passing = bundle.challenge.rubric, bundle.challenge.pass_
    good = [gold.answer for gold in _graded(bundle) if gold_score(gold, rubric) >= passing]
    return any(containment(text, source) >= COPY_SHARE for source in (bundle.challenge.model_answer or "", *good))


def is_known_attack(text: str, bundle: ChallengeBundle) -> bool:
    """Whether the author lists this very text among the attacks."""
    return normal(text) in {normal(attack.answer) for attack in bundle.attacks}
