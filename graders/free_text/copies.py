"""Measures how much of an answer is copied word for word from texts that the learner may have read.

Copies are found as shared runs of five words (Broder 1997, "On the resemblance and containment of documents"). If the
share is larger than in honest answers, the answer goes to a person, who sees the source. It never costs points.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.rows import Benign, GoldAnswer
from graders.free_text.text import words

Run = tuple[str, ...]
RUN_WORDS = 5
RUNS_MIN = 5
# None of 103 honest answers to three questions shares more than 0.06 of its runs with all sources together.
SHARE_MIN = 0.15
# Two short answers of different learners to the same question share up to 0.12.
SHARE_MIN_LEARNER = 0.25
LEARNER = "learner:"


@lru_cache(maxsize=2048)
def runs(text: str) -> frozenset[Run]:
    """Returns all runs of five consecutive words, ignoring case and punctuation."""
    tokens = words(text)
    return frozenset(tuple(tokens[n : n + RUN_WORDS]) for n in range(len(tokens) - RUN_WORDS + 1))


def shares(text: str, bundle: ChallengeBundle, sources: Mapping[str, str]) -> dict[str, float]:
    """Returns the share in [0, 1] of the answer's runs that occur in each source, the largest first, without zeros.

    Runs that occur in the question are not counted. `sources` are texts by name, to which the bundle's model answer and
    gold answers are added. The source `everything` is all texts together except answers of other learners, so that a
    patchwork of several sources is found. Fewer than five shared runs count as none.
    """
    own = runs(text) - runs(free_text(bundle.challenge).question or "")
    texts = {"model answer": free_text(bundle.challenge).model_answer or "", **_gold(bundle), **sources}
    shared = {name: own & runs(source) for name, source in texts.items()}
    of_course = [common for name, common in shared.items() if not name.startswith(LEARNER)]
    shared["everything"] = frozenset().union(*of_course)
    portions = {name: len(common) / len(own) for name, common in shared.items() if len(common) >= RUNS_MIN}
    return dict(sorted(portions.items(), key=lambda pair: -pair[1]))


def rules(copied: Mapping[str, float]) -> list[str]:
    """Returns a rule for the largest share, if it is too large: `copied-from: solution, 62 %`."""
    large = [(name, share) for name, share in copied.items() if share >= _least(name)]
    named = [pair for pair in large if pair[0] != "everything"] or large
    return [f"copied-from: {name}, {share:.0%}".replace("%", " %") for name, share in named[:1]]


def _least(name: str) -> float:
    return SHARE_MIN_LEARNER if name.startswith(LEARNER) else SHARE_MIN


def digest_of(sources: Mapping[str, str]) -> str:
    """Returns the SHA-256 of the sources, stored with a grade to show which texts the answer was compared with."""
    parts = [f"{name}\x00{hashlib.sha256(text.encode()).hexdigest()}" for name, text in sorted(sources.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _gold(bundle: ChallengeBundle) -> dict[str, str]:
    rows: tuple[GoldAnswer | Benign, ...] = (*bundle.gold, *bundle.benign)
    return {"graded answers": "\n".join(row.answer for row in rows)}
