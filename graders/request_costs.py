"""Measures what a request costs: has public rows answered several times, with nothing else at work on the machine."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from graders.base import Generate, Generated, Grade, Grading, Result, Retrieve, Retrieved, Score, Scored, WorkItem

PUBLIC = "public"
TIMES = 5
# So many repetitions may be disturbed before the job is given up, to be tried again later.
DISTURBED_MOST = 10

Tokens = tuple[int, int]


class Disturbed(Exception):
    """Other jobs ran on the machine again and again, so that no time could be measured."""


@dataclass
class Repetitions:
    """What was measured so far.

    `seconds` has the time of all rows together for each repetition. `tokens` has the numbers of tokens that were read
    and written for each row; both are 0 for a row about which the model was not asked. `shared` is the beginning that
    all prompts have in common.
    """

    seconds: list[float] = field(default_factory=lambda: [0.0] * TIMES)
    tokens: list[Tokens] = field(default_factory=list)
    shared: str = ""

    def add(self, item: Score | Generate | Retrieve, results: Sequence[Any]) -> None:
        """Adds the results of one item, of which each is what a repetition gave."""
        self.seconds = [had + one.seconds for had, one in zip(self.seconds, results, strict=True)]
        if not isinstance(item, Retrieve):
            self.shared = item.prompt
            self._count(item, results[-1])

    def _count(self, item: Score | Generate, result: Scored | Generated) -> None:
        written = result.new_tokens if isinstance(result, Generated) else [0] * len(result.prompt_tokens)
        places = (isinstance(item, Generate) and item.rows) or range(len(result.prompt_tokens))
        for place, read, new in zip(places, result.prompt_tokens, written, strict=True):
            self.tokens += [(0, 0)] * (place + 1 - len(self.tokens))
            self.tokens[place] = (read, new)

    def figures(self, rows: int, count_tokens: Callable[[str], int]) -> dict[str, Any]:
        """Milliseconds per request by repetition, the tokens read and written for each public row, and how many of
        those that are read are the same for all rows.
        """
        return {
            "ms": [round(1000 * spent / rows, 3) for spent in self.seconds],
            "tokens": [list(row) for row in self.tokens + [(0, 0)] * (rows - len(self.tokens))],
            "shared_tokens": count_tokens(self.shared) if self.shared else 0,
        }


def measure_requests(
    grading: Grading, rows: int, is_quiet: Callable[[], Callable[[], bool]], count_tokens: Callable[[str], int]
) -> Grading:
    """Wraps a grading of `rows` public rows, so that its grade has what was measured as `measured`.

    Work that is not about public rows, such as training, is done once. `is_quiet` is called before a repetition; what
    it returns says after it whether nothing else ran on the machine meanwhile. A repetition that was disturbed is done
    again.

    Raises `Disturbed` after `DISTURBED_MOST` of those.
    """
    repetitions = Repetitions()
    try:
        item = next(grading)
        while True:
            result: Result = yield item
            if _is_of_requests(item):
                result = yield from _again(item, result, repetitions, is_quiet)
            item = grading.send(result)
    except StopIteration as finished:
        grade: Grade = finished.value
        return replace(grade, measured=repetitions.figures(rows, count_tokens) if rows else {})
    finally:
        grading.close()


def _is_of_requests(item: WorkItem) -> bool:
    return isinstance(item, Score | Generate | Retrieve) and item.stage == PUBLIC


def _again(
    item: Any, first: Any, repetitions: Repetitions, is_quiet: Callable[[], Callable[[], bool]]
) -> Generator[WorkItem, Any, Any]:
    """Yields the item until `TIMES` results are undisturbed, and returns `first`, the result from before.

    That one is not measured, because it loads into memory what the later ones find there.
    """
    results: list[Scored | Generated | Retrieved] = []
    disturbed = 0
    while len(results) < TIMES:
        was_quiet = is_quiet()
        result = yield item
        if was_quiet():
            results.append(result)
        elif (disturbed := disturbed + 1) > DISTURBED_MOST:
            raise Disturbed
    repetitions.add(item, results)
    return first
