"""How much of an answer is copied word for word from texts that its author may have read.

Copies are found by shared runs of five words (Broder 1997, "On the resemblance and containment of documents"). A share
above what honest answers have sends the answer to a person, with the source named. It never costs points by itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.spec import Benign, GoldAnswer
from graders.free_text.text import words

Run = tuple[str, ...]
RUN_WORDS = 5
RUNS_MIN = 5
# Of 103 honest answers to three questions none shares more than 0.06 of its runs with all sources together.
SHARE_MIN = 0.15
# Two learners who answer the same question in few words share up to 0.12.
SHARE_MIN_LEARNER = 0.25
LEARNER = "learner:"


@lru_cache(maxsize=2048)
def runs(text: str) -> frozenset[Run]:
    """All runs of five words in a row, without regard to case and punctuation."""
    found = words(text)
    return frozenset(tuple(found[n : n + RUN_WORDS]) for n in range(len(found) - RUN_WORDS + 1))


def shares(text: str, bundle: ChallengeBundle, sources: Mapping[str, str]) -> dict[str, float]:
    """The share of the answer's runs that stand in each source, in [0, 1], the largest first, without zeros.

    The runs of the question count for nothing. `sources` are texts by name; the bundle's model answer and gold answers
    join them, and `everything` stands for all texts but those of other learners, against patchwork. An answer that
    shares fewer than five runs with a source shares nothing with it.
    """
    own = runs(text) - runs(free_text(bundle.challenge).question or "")
    texts = {"model answer": free_text(bundle.challenge).model_answer or "", **_gold(bundle), **sources}
    shared = {name: own & runs(source) for name, source in texts.items()}
    shared["everything"] = frozenset().union(*(found for name, found in shared.items() if not name.startswith(LEARNER)))
    found = {name: len(these) / len(own) for name, these in shared.items() if len(these) >= RUNS_MIN}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def rules(found: Mapping[str, float]) -> list[str]:
    """One rule for the largest of the shares that are too large: `copied-from: solution, 62 %`."""
    large = [(name, share) for name, share in found.items() if share >= _least(name)]
    named = [pair for pair in large if pair[0] != "everything"] or large
    return [f"copied-from: {name}, {share:.0%}".replace("%", " %") for name, share in named[:1]]


def _least(name: str) -> float:
    return SHARE_MIN_LEARNER if name.startswith(LEARNER) else SHARE_MIN


def digest_of(sources: Mapping[str, str]) -> str:
    """The SHA-256 of the sources, which a grade keeps so that one can tell what it was compared with."""
    parts = [f"{name}\x00{hashlib.sha256(text.encode()).hexdigest()}" for name, text in sorted(sources.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _gold(bundle: ChallengeBundle) -> dict[str, str]:
    rows: tuple[GoldAnswer | Benign, ...] = (*bundle.gold, *bundle.benign)
    return {"graded answers": "\n".join(row.answer for row in rows)}
