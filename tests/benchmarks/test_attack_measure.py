"""Attacks and honest answers that are open to everybody, before the detectors and before replayed judges."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks.attacks import measure, rows
from benchmarks.attacks.__main__ import lines
from benchmarks.attacks.replay import JUDGES, Texts
from challenges.kinds.rubric import free_text
from challenges.marks import score
from graders.base import Embed, Judged, Mark
from graders.free_text import copies
from graders.free_text.cleaning import clean
from graders.free_text.judge.ballot import read_ballot
from graders.free_text.judge.denials import read_denials
from graders.free_text.judge.messages import denial_item, judge_item
from graders.free_text.speech_acts import advises_against, compared, found
from tests.graders.free_text import judges


@cache
def vector(text: str) -> Any:
    return np.asarray(judges.embed(Embed((text,))).vectors[0])


def stopped(row: rows.Attack | rows.Honest, marks: dict[str, str]) -> list[str]:
    """The rules that the words alone bring up, without a sentence embedding and an estimate."""
    bundle = rows.bundle(row.question)
    rubric = free_text(bundle.challenge).rubric
    given = {c.id: Mark(marks.get(c.id, "not_met")) for c in rubric}
    quotes = {c.id: row.quotes.get(c.id, []) for c in rubric if given[c.id] is not Mark.NOT_MET}
    vectors = {text: vector(text) for text in compared(row.answer, rubric)}
    rules = [*found(row.answer, quotes), *advises_against(row.answer, rubric, given, vectors)]
    return rules + copies.rules(copies.shares(row.answer, bundle, rows.sources(row.question)))


def test_words_alone_stop_the_open_attacks_that_they_are_there_for() -> None:
    """Other attacks are left to the judge, whom the gate measures by itself."""
    given = [row for row in rows.attacks() if row.family in {"solution-copy", "retraction", "reported-speech"}]
    met = [dict.fromkeys((c.id for c in free_text(rows.bundle(row.question).challenge).rubric), "met") for row in given]
    passed = [row.id for row, marks in zip(given, met, strict=True) if not stopped(row, marks)]
    assert len(given) == 30
    assert len(passed) <= 1, passed


def test_they_let_nineteen_of_twenty_honest_answers_pass() -> None:
    given = rows.honest()
    alarmed = [row.id for row in given if stopped(row, dict(row.marks))]
    assert len(given) >= 100
    assert len(alarmed) <= 0.05 * len(given)


def judged(name: str, row: rows.Attack | rows.Honest, vote: int = 0, asks: Any = judge_item) -> Judged:
    bundle = rows.bundle(row.question)
    texts = Texts(free_text(bundle.challenge).rubric, [measure.known(row, bundle)])
    return JUDGES[name](texts, 1).judge(asks(bundle, row.answer, vote))


def denied(name: str, row: rows.Attack | rows.Honest, call: int = 0) -> set[str]:
    said = read_denials(
        judged(name, row, call, denial_item), denial_item(rows.bundle(row.question), "", 0).criteria, row.answer
    )
    assert said is not None
    return {id for id, quotes in said.claimed.items() if quotes}


def marks_of(judged: Judged) -> dict[str, str]:
    assert judged.reply is not None
    return {mark["id"]: mark["mark"] for mark in judged.reply["criteria"]}


def errors(name: str, row: rows.Honest, vote: int) -> set[str]:
    return {id for id, mark in marks_of(judged(name, row, vote)).items() if mark != row.marks[id]}


def test_an_honest_judge_gives_a_persons_marks_and_an_attack_no_more_than_it_deserves() -> None:
    assert not any(errors("honest", row, 0) for row in rows.honest()[:20])
    for row in rows.attacks():
        rubric = free_text(rows.bundle(row.question).challenge).rubric
        given = score(rubric, marks_of(judged("honest", row)))
        assert row.most - 0.2 <= given <= row.most + 1e-9, row.id


def test_no_garbage_can_be_used() -> None:
    for row in rows.honest()[:30]:
        bundle = rows.bundle(row.question)
        assert read_ballot(judged("garbage", row), bundle.challenge, clean(row.answer, 4000)) is None


def test_a_simulated_judge_is_measured_before_and_after_our_checks() -> None:
    part = measure.Part(rows.attacks()[:2], rows.honest()[:2])
    found = measure.measure(lambda texts: judges.embed(Embed(tuple(texts))).vectors, [part], ["kind", "garbage"])
    assert found["kind"]["attacks"]["alone"] | {"upper": 0} == {"found": 2, "of": 2, "share": 1.0, "upper": 0}
    assert found["garbage"]["attacks"]["alone"]["found"] == found["garbage"]["honest"]["final"]["found"] == 0
    assert lines(found)[0] == "kind judge"


@pytest.mark.slow
def test_no_open_attack_ends_final_and_most_honest_answers_do() -> None:
    from workers.engine.embeddings import embed
    from workers.engine.watch import Watch

    found = measure.measure(lambda texts: embed(texts, Watch()), measure.parts(False, False), ["honest", "erring"])
    for row in found.values():
        assert row["attacks"]["above"]["found"] == 0, row["attacks"]["which"]
        assert row["honest"]["final"]["share"] >= 0.85
        assert row["honest"]["right"]["low"] >= 0.90
