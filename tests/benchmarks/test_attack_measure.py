"""Attacks and honest answers that are open to everybody, before the detectors and before replayed judges."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks.attacks import measure, rows
from benchmarks.attacks.__main__ import lines
from benchmarks.attacks.replay import Kind, Person
from challenges.kinds.rubric import free_text
from graders.base import Embed, Mark
from graders.free_text import copies
from graders.free_text.judge.messages import judge_item
from graders.free_text.speech_acts.refusals import compared
from graders.free_text.speech_acts.rules import rules
from tests.graders.free_text import judges


@cache
def vector(text: str) -> Any:
    return np.asarray(judges.embed(Embed((text,))).vectors[0])


def stopped(row: rows.Attack | rows.Honest, marks: dict[str, str]) -> list[str]:
    """The rules that the words alone bring up, without a sentence embedding and an estimate."""
    bundle = rows.bundle(row.question)
    rubric = free_text(bundle.challenge).rubric
    quotes = {c.id: row.quotes.get(c.id, []) for c in rubric if c.kind != "must_not_claim"}
    given = {c.id: Mark(marks.get(c.id, "not_met")) for c in rubric}
    vectors = {text: vector(text) for text in compared(row.answer, rubric)}
    found = rules(row.answer, rubric, given, quotes, vectors)
    return found + copies.rules(copies.shares(row.answer, bundle, rows.sources(row.question)))


def test_words_alone_stop_nearly_all_open_attacks() -> None:
    given = rows.attacks()
    passed = [
        row
        for row in given
        if not stopped(row, dict.fromkeys((c.id for c in free_text(rows.bundle(row.question).challenge).rubric), "met"))
    ]
    assert len(given) == 100
    # Those that advise against something need the sentence embeddings of a site.
    assert [row.id for row in passed if row.family != "advice-against"] == []


def test_they_let_nine_of_ten_honest_answers_pass() -> None:
    given = rows.honest()
    alarmed = [row.id for row in given if stopped(row, dict(row.marks))]
    assert len(given) >= 100
    assert len(alarmed) <= 0.1 * len(given)


def test_a_judge_that_errs_does_so_on_about_the_share_that_it_should() -> None:
    wrong = total = 0
    for row in rows.honest()[:40]:
        bundle = rows.bundle(row.question)
        item = judge_item(bundle, row.answer, 0)
        reply = Person(row, free_text(bundle.challenge).rubric, 0.05, 1).judge(item).reply
        assert reply is not None
        marks = {mark["id"]: mark["mark"] for mark in reply["criteria"]}
        wrong += sum(marks[id] != mark for id, mark in row.marks.items())
        total += len(marks)
    assert 0.02 <= wrong / total <= 0.09


def test_the_kind_judge_marks_everything_as_met() -> None:
    row = rows.attacks()[0]
    reply = Kind(row).judge(judge_item(rows.bundle(row.question), row.answer, 0)).reply
    assert reply is not None
    assert {mark["mark"] for mark in reply["criteria"]} == {"met"}


def test_wilsons_lower_bound() -> None:
    assert measure.wilson_low(95, 100) == pytest.approx(0.8882, abs=1e-4)
    assert measure.wilson_low(0, 0) == 0


@pytest.mark.slow
def test_no_open_attack_ends_final_and_most_honest_answers_do() -> None:
    from workers.engine.embeddings import embed
    from workers.engine.watch import Watch

    found = measure.measure(lambda texts: embed(texts, Watch()))
    assert found["attacks"]["succeeded"] == 0, found["attacks"]["families"]
    for judge in ("honest judge", "judge with 5 % wrong marks"):
        assert found[judge]["final"] >= 0.70
        assert found[judge]["right_low"] >= 0.90
    assert lines(found)[0].startswith("0 of 100 attacks")
