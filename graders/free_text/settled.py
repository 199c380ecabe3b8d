"""Decides which answers code may grade alone: empty ones, and those that the author has already graded with 0 points.

Nothing else is a final zero: "Push and pop" can be a complete answer, and so can a word of the question.
"""

from __future__ import annotations

from collections.abc import Iterable

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import Criterion, free_text
from challenges.marks import score
from challenges.rows import Benign, GoldAnswer
from graders.free_text.text import containment, content_words, exact, normal, words

SAME_WORDS_MIN = 8
COPY_SHARE = 0.8
COPY_WORDS_MIN = 12


def gold_score(gold: GoldAnswer | Benign, rubric: Iterable[Criterion]) -> float:
    """The author's score of a gold answer, in [0, 1]; a criterion without a mark counts as not met."""
    return score(tuple(rubric), gold.marks)


def _graded(bundle: ChallengeBundle) -> tuple[GoldAnswer | Benign, ...]:
    return (*bundle.gold, *bundle.benign)


def zero_rule(text: str, bundle: ChallengeBundle) -> str | None:
    """The rule, `empty` or `gold-zero`, by which a cleaned answer scores a final 0 without a call; else None."""
    if not text:
        return "empty"
    same = [
        gold_score(row, free_text(bundle.challenge).rubric)
        for row in _graded(bundle)
        if exact(row.answer) == exact(text)
    ]
    return "gold-zero" if same and not any(same) else None


def same_gold(text: str, bundle: ChallengeBundle) -> GoldAnswer | Benign | None:
    """The answer, graded by the author, that has the same words in the same order; None if there is no such answer.

    Answers of fewer than `SAME_WORDS_MIN` words never match, because many people write the same few words.
    """
    own = words(text)
    if len(own) < SAME_WORDS_MIN:
        return None
    return next((row for row in _graded(bundle) if words(row.answer) == own), None)


def copies(text: str, bundle: ChallengeBundle) -> bool:
    """Whether the answer consists of the words of the model answer or of a good gold answer, in any order."""
    if len(set(content_words(text))) < COPY_WORDS_MIN:
        return False
    rubric, passing = free_text(bundle.challenge).rubric, bundle.challenge.pass_
    good = [gold.answer for gold in _graded(bundle) if gold_score(gold, rubric) >= passing]
    return any(
        containment(text, source) >= COPY_SHARE for source in (free_text(bundle.challenge).model_answer or "", *good)
    )


def is_known_attack(text: str, bundle: ChallengeBundle) -> bool:
    """Whether the author lists exactly this text among the attacks."""
    return normal(text) in {normal(attack.answer) for attack in bundle.attacks}
