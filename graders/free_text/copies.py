"""Compares an answer with texts that exist already: sources, other people's answers, answers the author has graded.

Copies are found as shared runs of five words, see `challenges.shingles`. If the share is larger than in honest answers,
the answer goes to a person, who sees the source. It never costs points.

Code alone may grade an empty answer, and one that the author has already graded with 0 points. Nothing else is a final
zero: "Push and pop" can be a complete answer, and so can a word of the question.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

from challenges import shingles
from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.marks import score
from challenges.rows import Benign, GoldAnswer, QuotedRow
from challenges.shingles import Run, words
from graders.free_text.cleaning import Cleaned
from graders.free_text.text import exact, normal

RUNS_MIN = 5
# None of our 159 honest answers shares more than 0.06 of its runs with all texts of its course together.
SHARE_MIN = 0.15
# Many people write the same few words. Of the answers of more than fifteen words in a public set of schoolchildren's
# (ASAP-SAS 1), 34 % share 0.15 of their runs with another one, 14 % share 0.25, and 1 % share 0.5.
SHARE_MIN_PERSON = 0.5
PERSON_WORDS_MIN = 16
LEARNER = "learner:"
GRADED = "graded answers"


@lru_cache(maxsize=2048)
def runs(text: str) -> frozenset[Run]:
    """Returns all runs of five consecutive words, ignoring case and punctuation."""
    return frozenset(shingles.runs(words(text)))


def shares(text: str, bundle: ChallengeBundle, sources: Mapping[str, str]) -> dict[str, float]:
    """Returns the share in [0, 1] of the answer's runs that occur in each source, the largest first, without zeros.

    Runs that occur in the question are not counted, and fewer than five shared runs count as none. `sources` are texts
    by name, to which the bundle's model answer is added. The source `everything` is all these texts together except
    other learners' answers, so that a patchwork is found. Answers of other people, learners' and graded ones, are
    compared one by one, and only if both have more than fifteen words.
    """
    own = runs(text) - runs(free_text(bundle.challenge).question or "")
    texts = {"model answer": free_text(bundle.challenge).model_answer or "", **sources}
    people = {name: source for name, source in texts.items() if name.startswith(LEARNER)}
    shared = {name: own & runs(source) for name, source in texts.items() if name not in people}
    shared["everything"] = frozenset().union(*shared.values())
    if _is_long(text):
        shared |= {name: own & runs(source) for name, source in people.items() if _is_long(source)}
        answers = [own & runs(row.answer) for row in _graded(bundle) if _is_long(row.answer)]
        shared[GRADED] = max(answers, key=len, default=frozenset())
    portions = {name: len(common) / len(own) for name, common in shared.items() if len(common) >= RUNS_MIN}
    return dict(sorted(portions.items(), key=lambda pair: -pair[1]))


def rules(copied: Mapping[str, float]) -> list[str]:
    """Returns a rule for the largest share, if it is too large: `copied-from: solution, 62 %`."""
    large = [(name, share) for name, share in copied.items() if share >= _least(name)]
    named = [pair for pair in large if pair[0] != "everything"] or large
    return [f"copied-from: {name}, {share:.0%}".replace("%", " %") for name, share in named[:1]]


def _is_long(answer: str) -> bool:
    return len(words(answer)) >= PERSON_WORDS_MIN


def _least(name: str) -> float:
    return SHARE_MIN_PERSON if name.startswith(LEARNER) or name == GRADED else SHARE_MIN


def digest_of(sources: Mapping[str, str]) -> str:
    """Returns the SHA-256 of the sources, stored with a grade to show which texts the answer was compared with."""
    parts = [f"{name}\x00{hashlib.sha256(text.encode()).hexdigest()}" for name, text in sorted(sources.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def zero_rule(answer: Cleaned, bundle: ChallengeBundle, quoted: Sequence[QuotedRow] = ()) -> str | None:
    """Returns the rule by which an answer gets a final 0 without a call, `empty` or `gold-zero`, or None.

    A graded answer is the same only if its superscripts and fractions are the same, too, and the rows `quoted`.
    """
    if not answer.text:
        return "empty"
    rubric, own = free_text(bundle.challenge).rubric, exact(answer.signs)
    alike = (row for row in _graded(bundle) if row.quoted == tuple(quoted))
    same = [score(rubric, row.marks) for row in alike if exact(row.answer) == own]
    return "gold-zero" if same and not any(same) else None


def is_known_attack(text: str, bundle: ChallengeBundle) -> bool:
    """Returns whether the author lists exactly this text among the attacks."""
    return normal(text) in {normal(attack.answer) for attack in bundle.attacks}


def _graded(bundle: ChallengeBundle) -> tuple[GoldAnswer | Benign, ...]:
    return (*bundle.gold, *bundle.benign)
