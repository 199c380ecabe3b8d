"""Compares an answer with those that the author has written or graded.

Code alone may grade an empty answer, and one that the author has already graded with 0 points. Nothing else is a final
zero: "Push and pop" can be a complete answer, and so can a word of the question.
"""

from __future__ import annotations

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.marks import score
from challenges.rows import Benign, GoldAnswer
from graders.free_text.text import containment, content_words, exact, normal, words

SAME_WORDS_MIN = 8
COPY_SHARE = 0.8
COPY_WORDS_MIN = 12


def _graded(bundle: ChallengeBundle) -> tuple[GoldAnswer | Benign, ...]:
    return (*bundle.gold, *bundle.benign)


def zero_rule(text: str, bundle: ChallengeBundle) -> str | None:
    """Returns the rule by which a cleaned answer gets a final 0 without a call, `empty` or `gold-zero`, or None."""
    if not text:
        return "empty"
    rubric = free_text(bundle.challenge).rubric
    same = [score(rubric, row.marks) for row in _graded(bundle) if exact(row.answer) == exact(text)]
    return "gold-zero" if same and not any(same) else None


def repeats_gold(text: str, bundle: ChallengeBundle) -> bool:
    """Returns whether the answer has the same words in the same order as one that the author has graded.

    Answers of fewer than `SAME_WORDS_MIN` words never do, because many people write the same few words.
    """
    own = words(text)
    return len(own) >= SAME_WORDS_MIN and any(words(row.answer) == own for row in _graded(bundle))


def copies(text: str, bundle: ChallengeBundle) -> bool:
    """Returns whether the answer consists of the words of the model answer or of a good gold answer, in any order."""
    if len(set(content_words(text))) < COPY_WORDS_MIN:
        return False
    rubric, passing = free_text(bundle.challenge).rubric, bundle.challenge.pass_
    good = [gold.answer for gold in _graded(bundle) if score(rubric, gold.marks) >= passing]
    return any(
        containment(text, source) >= COPY_SHARE for source in (free_text(bundle.challenge).model_answer or "", *good)
    )


def is_known_attack(text: str, bundle: ChallengeBundle) -> bool:
    """Returns whether the author lists exactly this text among the attacks."""
    return normal(text) in {normal(attack.answer) for attack in bundle.attacks}
