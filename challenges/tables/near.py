"""Finds texts that nearly repeat an earlier one: by sentence embeddings, or by the characters that they share."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from challenges.lint.similarity import NEAR
from challenges.shingles import SHARED, character_runs
from challenges.texts import normal

BY_MEANING, BY_CHARACTERS = "sentence embeddings", "characters"
Embed = Callable[[Sequence[str]], Any]
BLOCK = 512


def near_repeats(texts: Sequence[str], embed: Embed | None) -> dict[int, tuple[int, float]]:
    """For each text that nearly repeats an earlier one which is kept: the index of that one, and how similar they are.

    Texts are kept in their order, so no two kept ones are near each other: with `embed`, which takes n texts and
    returns n unit vectors, none has a cosine above 0.90, which is what lint asks of a file. Without it, none share more
    than 0.6 of their shingles of five characters (Jaccard); this finds fewer.
    """
    return _by_meaning(texts, embed) if embed else _by_characters(texts)


def _by_meaning(texts: Sequence[str], embed: Embed) -> dict[int, tuple[int, float]]:
    import numpy as np

    if not texts:
        return {}
    vectors = np.asarray(embed(texts), dtype=np.float32)
    kept = np.zeros(len(texts), dtype=bool)
    found: dict[int, tuple[int, float]] = {}
    for start in range(0, len(texts), BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors[: start + BLOCK].T
        for index, row in enumerate(cosines, start):
            earlier = np.where(kept[: len(row)], row, -1.0)
            nearest = int(earlier.argmax())
            if earlier[nearest] > NEAR:
                found[index] = nearest, round(float(earlier[nearest]), 3)
            else:
                kept[index] = True
    return found


def _by_characters(texts: Sequence[str]) -> dict[int, tuple[int, float]]:
    """Compares only texts that share one of their rarest shingles (prefix filtering, Bayardo et al. 2007)."""
    sets = [character_runs(normal(text)) for text in texts]
    common = Counter(shingle for shingles in sets for shingle in shingles)
    holders = defaultdict[str, list[int]](list)
    found: dict[int, tuple[int, float]] = {}
    for index, shingles in enumerate(sets):
        rarest = sorted(shingles, key=lambda one: (common[one], one))
        prefix = rarest[: len(rarest) - math.ceil(SHARED * len(rarest)) + 1]
        near = _nearest(sets, index, {other for shingle in prefix for other in holders[shingle]})
        if near is not None:
            found[index] = near
            continue
        for shingle in prefix:
            holders[shingle].append(index)
    return found


def _nearest(sets: Sequence[frozenset[str]], index: int, others: set[int]) -> tuple[int, float] | None:
    shared = {other: _jaccard(sets[index], sets[other]) for other in sorted(others)}
    best = max(shared, key=lambda other: shared[other], default=None)
    return None if best is None or shared[best] <= SHARED else (best, round(shared[best], 3))


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)
