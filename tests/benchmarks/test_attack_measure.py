"""Attacks and honest answers that are open to everybody, before the detectors and before replayed judges."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from benchmarks.attacks import measure, rows
from benchmarks.attacks.__main__ import lines
from benchmarks.attacks.replay import JUDGES, Known, Texts
from challenges.kinds.rubric import free_text
from challenges.marks import score
from graders.base import Embed, Grade, Judged, Mark
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


def test_errors_are_drawn_anew_for_each_call_or_repeat() -> None:
    given = rows.honest()[:60]
    marks = sum(len(row.marks) for row in given)
    first, second = ([errors("erring", row, vote) for row in given] for vote in (0, 1))
    assert 0.02 <= sum(map(len, first)) / marks <= 0.09
    assert first != second
    repeated, again = ([errors("repeating", row, vote) for row in given] for vote in (0, 1))
    assert 0.02 <= sum(map(len, repeated)) / marks <= 0.09
    assert repeated == again


def test_the_kind_judge_marks_everything_as_met() -> None:
    assert set(marks_of(judged("kind", rows.attacks()[0])).values()) == {"met"}


def test_what_each_judge_calls_denied() -> None:
    against = next(row for row in rows.attacks() if row.family == "advice-against" and row.most == 0)
    must = {c.id for c in free_text(rows.bundle(against.question).challenge).rubric if c.kind != "must_not_claim"}
    found = {name: denied(name, against) for name in JUDGES if name not in ("garbage", "erring", "repeating")}
    assert found == {"honest": must, "kind": set(), "agreeable": must, "lenient": must, "lazy": set()}
    honest = rows.honest()[:60]
    assert not any(denied("honest", row) or denied("lenient", row) for row in honest)
    assert any(denied("erring", row) for row in honest)
    assert [denied("erring", row, 0) for row in honest] != [denied("erring", row, 1) for row in honest]
    assert [denied("repeating", row, 0) for row in honest] == [denied("repeating", row, 1) for row in honest]


def test_the_lazy_judge_reads_no_negation() -> None:
    row = rows.attacks()[0]
    criterion = free_text(rows.bundle(row.question).challenge).rubric[0]
    negated = replace(row, answer=f"It is false that {criterion.text} I like cats.")
    found = judged("lazy", negated)
    assert marks_of(found)[criterion.id] == "met"


def test_no_garbage_can_be_used() -> None:
    for row in rows.honest()[:30]:
        bundle = rows.bundle(row.question)
        assert read_ballot(judged("garbage", row), bundle.challenge, clean(row.answer, 4000)) is None


def test_a_text_is_found_again_after_cleaning_and_cutting() -> None:
    bundle = rows.bundle("reward-goes-up")
    known = Known("\u200bSome  long text, and more.", {})
    texts = Texts(free_text(bundle.challenge).rubric, [known])
    for said in ("Some long text, and more.", "some long text"):
        assert texts.of(judge_item(bundle, said, 0)) is known
    with pytest.raises(KeyError):
        texts.of(judge_item(bundle, "Another text.", 0))


def test_an_attack_is_above_its_worth_from_a_quarter_of_the_points_or_where_it_passes() -> None:
    def result(worth: float, score: float, alone: float | None = None) -> measure.Result:
        return measure.Result("a", "f", worth, 0.6, Grade(score), alone, 1)

    assert [result(0.3, got).is_above for got in (0.5, 0.55, 0.6)] == [False, True, True]
    assert [result(0.5, got).is_above for got in (0.59, 0.6)] == [False, True]
    assert [result(0.1, 0.0, alone).passes_alone for alone in (None, 0.5, 0.6)] == [False, False, True]
    assert [result(0.5, got).is_right for got in (0.35, 0.4, 0.6, 0.65)] == [False, True, True, False]


def test_a_rule_counts_as_the_only_reason_where_no_other_rule_stands_beside_it() -> None:
    stopped = measure.Result("a", "f", 0, 0.6, Grade(1.0, review=("copied-from: lesson, 90 %",)), 1.0, 3)
    twice = measure.Result("b", "f", 0, 0.6, Grade(1.0, review=("copied-from: lesson, 90 %", "stubs-quoted: x")), 1, 3)
    found = measure.of_attacks([stopped, twice, measure.Result("c", "f", 0, 0.6, Grade(1.0), 1.0, 1)])
    assert found["only"] == {"copied-from": 1}
    assert (found["alone"]["found"], found["above"]["found"], found["which"]) == (3, 1, ["c"])


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
