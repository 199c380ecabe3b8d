"""Says what of a payload is compared with other learners': its text, and the rows that its learner brought along.

Rows count as equal if input and output are, apart from case, white space and punctuation. They count as nearly equal if
only the output differs, or if the inputs share most of their words.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from challenges import payloads
from challenges.kinds import registry as kinds
from challenges.rows import PreferenceRow
from challenges.shingles import RUN_WORDS, Run, Word, placed_words, runs, words
from challenges.spec import Challenge
from challenges.texts import normal

# Two inputs are nearly equal if so many of the words of both are in both (Jaccard): one of ten words may be another.
NEAR = 0.7
# Shorter inputs, such as "a heron", are compared as a whole only.
NEAR_WORDS_MIN = RUN_WORDS


@dataclass(frozen=True)
class Row:
    """A row of a payload. `inputs` are the texts of its input: several where two answers to it are compared."""

    inputs: tuple[str, ...]
    output: str

    @cached_property
    def keys(self) -> tuple[str, ...]:
        return tuple(normal(text) for text in self.inputs)

    @cached_property
    def whole(self) -> tuple[tuple[str, ...], str]:
        return self.keys, normal(self.output)

    @cached_property
    def words(self) -> frozenset[str]:
        return frozenset(word for key in self.keys for word in key.split())


@dataclass(frozen=True)
class Material:
    """What a learner handed in: a text, and rows in their order."""

    text: str
    rows: tuple[Row, ...]

    @cached_property
    def words(self) -> Sequence[Word]:
        return placed_words(self.text)

    @cached_property
    def runs(self) -> Sequence[Run]:
        return runs([one.word for one in self.words])


def material_of(challenge: Challenge, payload: dict[str, object]) -> Material:
    """Returns what is compared of a payload as it is stored.

    Choices between answers of the challenge are left out: all learners choose between the same few, so that equal
    choices say nothing about who copied.

    Raises:
        pydantic.ValidationError, KeyError: no kind that is installed now knows such a payload.
    """
    parsed = payloads.parse(payload)
    kind = kinds.find(parsed.kind)
    brought = getattr(parsed, kind.rows_field or "examples", ())
    chosen = kind.own_choices(challenge, parsed)
    return Material(kind.prose(parsed), () if chosen else tuple(map(_row, brought)))


def _row(row: object) -> Row:
    if isinstance(row, PreferenceRow):
        return Row((row.prompt, row.chosen, row.rejected), "")
    return Row((str(getattr(row, "input", "")),), str(getattr(row, "output", "")))


def hashed(salt: str, parts: Iterable[str]) -> int:
    """Returns a hash of 64 bits with a sign, as databases store it. It is the same in every process."""
    text = " ".join((salt, *parts))
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest(), signed=True)


def row_hashes(row: Row) -> Iterable[int]:
    """Yields the hashes of the runs of words of a row's inputs; of a shorter input the hash of the whole."""
    for text in row.inputs:
        said = words(text)
        for run in runs(said) or ([tuple(said)] if said else []):
            yield hashed("row", run)


class NearRows:
    """Finds a set of words that is nearly equal to another one.

    Only those that share one of their rarest words are compared (prefix filtering, Bayardo et al. 2007, "Scaling up all
    pairs similarity search").
    """

    def __init__(self, sets: Iterable[frozenset[str]]) -> None:
        self.sets = [one if len(one) >= NEAR_WORDS_MIN else frozenset[str]() for one in sets]
        self.common = Counter(word for one in self.sets for word in one)
        self.holders = defaultdict[str, list[int]](list)
        for number, one in enumerate(self.sets):
            for word in self._rarest(one):
                self.holders[word].append(number)

    def _rarest(self, found: frozenset[str]) -> Sequence[str]:
        by_rarity = sorted(found, key=lambda word: (self.common[word], word))
        return by_rarity[: len(found) - math.ceil(NEAR * len(found)) + 1] if found else ()

    def find(self, found: frozenset[str]) -> set[int]:
        """Returns the numbers of the sets that are nearly equal to this one, or equal."""
        if len(found) < NEAR_WORDS_MIN:
            return set()
        numbers = {number for word in self._rarest(found) for number in self.holders.get(word, ())}
        return {number for number in numbers if _jaccard(found, self.sets[number]) >= NEAR}


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both)
