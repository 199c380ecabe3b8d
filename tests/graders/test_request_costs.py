"""What a request costs, from canned results: what is repeated, what is not, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from challenges.kinds.prompt import PromptPayload
from challenges.payloads import parse
from graders.base import Assignment, Grade, Retrieve, Score, Scored, Train, WorkItem
from graders.registry import grade
from graders.request_costs import DISTURBED_MOST, TIMES, Disturbed, measure_requests
from tests.graders import test_rag as rag
from tests.graders.bundles import bundle, challenge, drive, samples
from tests.graders.test_tune import PAYLOAD as TUNE
from tests.graders.test_tune import TRAINED

PUBLIC = samples(["Dermatologist", "Urologist"], "p")
TASK = bundle(challenge(also=["tune"], tune={}), PUBLIC, samples(["Urologist"], "h"))
PROMPT = PromptPayload(instructions="Name the doctor.")


class Clock:
    """An engine that takes longer each time; disturbed in the repetitions that it is told of."""

    def __init__(self, disturbed: tuple[int, ...] = ()) -> None:
        self.scored, self.watched, self.disturbed = 0, 0, disturbed

    def answer(self, item: WorkItem) -> Any:
        if isinstance(item, Train):
            return TRAINED
        assert isinstance(item, Score)
        self.scored += 1
        return Scored([[-1.0, -2.0, -3.0] for _ in item.suffixes], [9, 11], self.scored / 1000)

    def is_quiet(self) -> Callable[[], bool]:
        self.watched += 1
        number = self.watched
        return lambda: number not in self.disturbed


def measured(clock: Clock, payload: Any) -> tuple[Grade, list[WorkItem]]:
    grading = grade(Assignment(TASK, payload, hidden=False, whole=True))
    return drive(measure_requests(grading, len(PUBLIC), clock.is_quiet, len), clock.answer)


def test_public_rows_are_answered_five_times_after_a_rehearsal() -> None:
    found, items = measured(Clock(), PROMPT)
    assert len(items) == TIMES + 1
    assert found.measured["ms"] == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert found.measured["tokens"] == [[9, 0], [11, 0]]
    assert found.measured["shared_tokens"] == len("Name the doctor.\n\n")
    assert found.public_score == 0.5 and found.score is None


def test_training_is_whole_and_done_once() -> None:
    found, items = measured(Clock(), TUNE)
    assert [type(item) for item in items] == [Train] + [Score] * (TIMES + 1)
    assert isinstance(items[0], Train) and items[0].max_steps is None
    assert found.training["seconds"] == TRAINED.seconds


def test_a_repetition_that_was_disturbed_is_done_again() -> None:
    found, items = measured(Clock(disturbed=(2, 4)), PROMPT)
    assert len(items) == TIMES + 3
    assert found.measured["ms"] == [1.0, 2.0, 3.0, 3.5, 4.0]


def test_a_machine_that_is_never_idle_ends_the_measurement() -> None:
    clock = Clock(disturbed=tuple(range(1, 100)))
    with pytest.raises(Disturbed):
        measured(clock, PROMPT)
    assert clock.watched == DISTURBED_MOST + 1


def test_looking_up_is_part_of_a_request_and_building_the_index_is_not() -> None:
    engine = rag.Engine({text: word for text, word in rag.WORDS.items() if word != "15 books"})
    grading = grade(Assignment(rag.BUNDLE, parse(rag.WHOLE), hidden=False, whole=True))
    rows = len(rag.BUNDLE.public)
    found, items = drive(measure_requests(grading, rows, lambda: lambda: True, len), engine.carry_out)
    looked_up = [item for item in items if isinstance(item, Retrieve)]
    assert [item.stage for item in looked_up] == ["index"] + ["public"] * (TIMES + 1)
    assert found.measured["ms"] == [pytest.approx(1000 * 0.21 / rows, abs=0.001)] * TIMES
    # Nothing is found for the first row and the last one, so the model is not asked about them.
    assert found.measured["tokens"] == [[0, 0], *[[50, 3]] * (rows - 2), [0, 0]]
