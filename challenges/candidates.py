"""Prompts with several answers, of which the author does not say which is better: learners choose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from challenges.documents import DocumentId
from challenges.files.corpus import named_path
from challenges.files.jsonl import RowLimits
from challenges.files.rows import read_as
from challenges.spec import AnyRow, PreferenceRow, Spec, Text

if TYPE_CHECKING:
    from challenges.files.source import Source
    from challenges.files.yaml_lines import Located

KEY = "candidates"
ANSWERS_MAX = 6
LIMITS = RowLimits(bytes_max=512 * 1024, rows_max=200)


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
    found = source.rows(path, lambda data: read_as(Candidate, data, LIMITS), needed=True) if path else ()
    return {KEY: [candidate.model_dump() for candidate in found]}


def strangers(rows: Iterable[AnyRow], candidates: Candidates) -> Iterator[int]:
    """The numbers, from 1, of the rows that are no choice between two answers of a candidate."""
    answers: Mapping[str, tuple[str, ...]] = {one.prompt: one.answers for one in candidates}
    for number, row in enumerate(rows, 1):
        known = answers.get(row.input, ())
        if not (isinstance(row, PreferenceRow) and {row.chosen, row.rejected} <= set(known)):
            yield number
