"""Choices between answers, and a score by them.

Candidates are prompts with several answers, of which the author does not say which is better: learners choose. Some of
a learner's choices are held out of the training, and the trained model is asked about those.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field

from challenges.documents import DocumentId
from challenges.field_checks import FieldProblem
from challenges.files.corpus import named_path
from challenges.files.jsonl import RowLimits
from challenges.files.rows import read_as
from challenges.files.source import Source
from challenges.files.yaml_lines import Located
from challenges.rows import AnyRow, PreferenceRow
from challenges.spec import Spec, Text
from challenges.translation import gettext, ngettext

KEY = "candidates"
ANSWERS_MAX = 6
LIMITS = RowLimits(bytes_max=512 * 1024, rows_max=200)
# So seldom may somebody pass who chooses at random.
LUCK_MAX = 0.02


class Candidate(Spec):
    """A prompt with several answers to it. A learner sees two of the answers and chooses one."""

    id: DocumentId
    prompt: Text
    answers: tuple[Text, ...] = Field(min_length=2, max_length=ANSWERS_MAX)


Candidates = tuple[Candidate, ...]


def read_candidates(source: Source, rel: str, located: Located) -> dict[str, Any]:
    """The key `candidates` with the rows of the file that it names; what is wrong becomes a problem.

    Short ones may also stand in `challenge.yaml` itself, as a list.
    """
    if not isinstance(located.data.get(KEY), str):
        return {}
    path = named_path(source, rel, located, KEY)
    listed = source.rows(path, lambda data: read_as(Candidate, data, LIMITS), needed=True) if path else ()
    return {KEY: [candidate.model_dump() for candidate in listed]}


def strangers(rows: Iterable[AnyRow], candidates: Candidates) -> Iterator[int]:
    """The numbers, from 1, of the rows that are no choice between two answers of a candidate."""
    answers: Mapping[str, tuple[str, ...]] = {one.prompt: one.answers for one in candidates}
    for number, row in enumerate(rows, 1):
        known = answers.get(row.input, ())
        if not (isinstance(row, PreferenceRow) and {row.chosen, row.rejected} <= set(known)):
            yield number


class OwnChoices(Spec):
    """The section `own_choices` of `tune`.

    A submission has at least `least` choices between `candidates`, and the share `held_out` of them is not trained on.
    `content` is the share of hidden rows that the model must still answer well; below it the score shrinks.
    """

    least: int = Field(40, ge=4, le=200)
    held_out: float = Field(0.25, ge=0.1, le=0.5)
    content: float = Field(0.5, gt=0, le=1)

    def count(self, rows: int) -> int:
        """How many of so many choices are held out."""
        return max(1, round(self.held_out * rows))

    def split(self, rows: Sequence[AnyRow], draw: str) -> tuple[Sequence[AnyRow], Sequence[AnyRow]]:
        """The choices that are trained on and those that are held out, each in the order of `rows`.

        `draw` is the learner's own lot, which nobody knows. A prompt that is held out once is held out again, unless
        others come before it.
        """
        lots = [hashlib.sha256(f"{draw}\n{row.input}".encode(errors="replace")).digest() for row in rows]
        held = set(sorted(range(len(rows)), key=lambda number: lots[number])[: self.count(len(rows))])
        parts = ([row for n, row in enumerate(rows) if (n in held) == is_held] for is_held in (False, True))
        kept, out = parts
        return kept, out

    def luck(self, mark: float) -> float:
        """The probability that somebody who tosses a coin for each choice reaches the score `mark`."""
        of = self.count(self.least)
        needed = math.ceil(mark * of - 1e-9)
        return float(sum(math.comb(of, right) for right in range(needed, of + 1)) / 2**of)


def problems(section: OwnChoices, candidates: Candidates, rows: Sequence[AnyRow]) -> Iterator[FieldProblem]:
    """What is wrong with rows that must be choices between the candidates, one of each at most."""
    if len(rows) < section.least:
        message = ngettext(
            "There is %(count)s row, and this challenge needs %(least)s of your choices. Choose more answers.",
            "There are %(count)s rows, and this challenge needs %(least)s of your choices. Choose more answers.",
            len(rows),
        )
        yield FieldProblem("too_few_choices", "rows", message % {"count": len(rows), "least": section.least})
    for number in strangers(rows, candidates):
        message = gettext("This row is not a choice between two answers of this challenge: remove it.")
        yield FieldProblem("not_your_choice", "rows", message, number)
    seen: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        if (first := seen.setdefault(row.input, number)) != number:
            message = gettext("This row has the same prompt as row %(number)s: remove one of them.")
            yield FieldProblem("repeated", "rows", message % {"number": first}, number)
