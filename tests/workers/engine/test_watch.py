"""Finished rows are reported once, with their final values, and only of public samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from graders.base import Generate, Score
from tests.workers import tiny
from tests.workers.engine.test_scoring import LABELS, PROMPT, suffixes
from workers.engine import generation, models, plain, scoring
from workers.engine.watch import FinalRows, Watch

LABELLED = Score(tiny.NAME, PROMPT, suffixes(30), LABELS, stage="public")
WRITTEN = Generate(tiny.NAME, PROMPT, suffixes(8), 12, ("\n",), stage="public")


class Heard:
    """Keeps the rows and the last progress of a job."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.watch = Watch(on_event=self.hear)

    def hear(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        if event["type"] == "rows":
            self.rows += [(number, value) for number, value in event["rows"]]

    @property
    def reports(self) -> int:
        return sum(event["type"] == "rows" for event in self.events)


def assert_each_once(heard: Heard, values: list[Any]) -> None:
    assert sorted(heard.rows) == list(enumerate(values))
    assert heard.events[-1]["type"] == "progress" and heard.events[-1]["done"] == len(values)


def test_label_rows_are_reported_after_each_call_which_changes_no_number(base, monkeypatch):
    monkeypatch.setattr(scoring, "call_tokens", lambda device, tokens: 100)
    heard = Heard()
    scored = scoring.score(base, base.model, LABELLED, heard.watch)
    assert_each_once(heard, scored.logprobs)
    assert heard.reports > 3
    silent = scoring.score(base, base.model, replace(LABELLED, stage="hidden"), Watch()).logprobs
    for row, other in zip(scored.logprobs, silent, strict=True):
        assert row == pytest.approx(other, abs=2e-4)


def test_rows_that_are_computed_again_are_reported_with_their_last_numbers(base, monkeypatch):
    """With a margin this wide, all rows are close calls after the pass in bf16."""
    screening_copy = models.screening_copy_of(base.model)
    for margin, early in ((scoring.RESCORE_MARGIN, True), (1e6, False)):
        monkeypatch.setattr(scoring, "RESCORE_MARGIN", margin)
        heard = Heard()
        scored = scoring.score(base, base.model, LABELLED, heard.watch, screening_copy=screening_copy)
        assert_each_once(heard, scored.logprobs)
        assert (heard.reports > 1) == early


def test_rows_with_ties_are_reported_as_they_were_decided(base, monkeypatch):
    for module in (scoring, generation):
        monkeypatch.setattr(module, "TIE_MARGIN", 1e6)
    heard = Heard()
    scored = scoring.score(base, base.model, replace(LABELLED, suffixes=suffixes(4)), heard.watch)
    assert_each_once(heard, scored.logprobs)
    assert heard.reports == 1
    heard = Heard()
    item = replace(WRITTEN, suffixes=suffixes(2), max_new_tokens=3)
    assert_each_once(heard, generation.generate(base, base.model, item, heard.watch).texts)
    assert heard.reports == 1


def test_generated_rows_are_reported_as_they_end(base):
    """The stop string ends some rows before the others of their batch."""
    whole = generation.generate(base, base.model, WRITTEN, Watch())
    heard = Heard()
    item = replace(WRITTEN, stop=(whole.texts[0][4:6],))
    generated = generation.generate(base, base.model, item, heard.watch)
    assert_each_once(heard, generated.texts)
    assert heard.reports > 1


@pytest.mark.parametrize("item", [LABELLED, WRITTEN], ids=["labels", "texts"])
def test_the_plain_way_reports_row_by_row(base, item):
    item, heard = replace(item, suffixes=suffixes(3)), Heard()
    found = plain.answer(base, base.model, item, heard.watch)
    assert_each_once(heard, found.logprobs if isinstance(item, Score) else found.texts)
    assert heard.reports == 3


COMPUTED: list[Callable[[models.Base, str, Watch], Any]] = [
    lambda base, stage, watch: scoring.score(base, base.model, replace(LABELLED, stage=stage), watch),
    lambda base, stage, watch: generation.generate(base, base.model, replace(WRITTEN, stage=stage), watch),
    lambda base, stage, watch: plain.answer(
        base, base.model, replace(LABELLED, stage=stage, suffixes=suffixes(2)), watch
    ),
]


@pytest.mark.parametrize("compute", COMPUTED, ids=["labels", "texts", "plain"])
@pytest.mark.parametrize("stage", ["hidden", "calibrate", ""])
def test_no_row_of_another_stage_is_reported(base, compute, stage):
    heard = Heard()
    compute(base, stage, heard.watch)
    assert heard.rows == [] and heard.reports == 0


def test_a_row_is_told_once():
    heard = Heard()
    final = FinalRows(heard.watch, "public")
    final.tell({0: "a"})
    final.tell({0: "a", 1: "b"})
    final.tell({})
    assert heard.rows == [(0, "a"), (1, "b")] and heard.reports == 2
