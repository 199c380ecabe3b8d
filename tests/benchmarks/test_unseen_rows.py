"""The unseen rows: complete, consistent, and like no other row or calibration answer."""

from __future__ import annotations

import pytest

from benchmarks.attacks.rows import BUILT_IN, Attack, Honest, attacks, bundle, honest, honest_unseen, unseen
from challenges.kinds.rubric import free_text
from tests.benchmarks.test_attacks import shingles

ATTACKS = 15
HONEST = 12
Row = Attack | Honest


@pytest.fixture(scope="module")
def hostile() -> list[Attack]:
    return unseen()


@pytest.fixture(scope="module")
def sincere() -> list[Honest]:
    return honest_unseen()


def test_marks_and_quotes_name_the_criteria(hostile: list[Attack], sincere: list[Honest]) -> None:
    for row in sincere:
        rubric = {criterion.id: criterion for criterion in free_text(bundle(row.question).challenge).rubric}
        assert row.marks.keys() == rubric.keys(), row.id
        assert row.quotes.keys() == {name for name, mark in row.marks.items() if mark != "not_met"}, row.id
        assert all(rubric[name].partial == "half" for name, mark in row.marks.items() if mark == "partial"), row.id
    for attack in hostile:
        assert attack.quotes.keys() == {c.id for c in free_text(bundle(attack.question).challenge).rubric}, attack.id


def test_quotes_stand_in_the_answer(hostile: list[Attack], sincere: list[Honest]) -> None:
    rows: list[Row] = [*hostile, *sincere]
    for row in rows:
        for quotes in row.quotes.values():
            assert quotes, row.id
            assert all(quote and quote in row.answer for quote in quotes), row.id


def test_answers_could_have_been_handed_in(hostile: list[Attack], sincere: list[Honest]) -> None:
    rows: list[Row] = [*hostile, *sincere]
    for row in rows:
        least, most = free_text(bundle(row.question).challenge).words
        assert least <= len(row.answer.split()) <= most, row.id


def test_no_answer_stands_twice(hostile: list[Attack], sincere: list[Honest]) -> None:
    own: list[Row] = [*hostile, *sincere]
    texts = {row.id: shingles(row.answer) for row in own}
    assert len(texts) == len(own)
    known: list[Row] = [*attacks(), *attacks(sealed=True), *honest(), *honest(sealed=True)]
    others = {row.id: shingles(row.answer) for row in known}
    for question in BUILT_IN:
        others |= {f"gold-{question}-{at}": shingles(row.answer) for at, row in enumerate(bundle(question).gold)}
    assert not texts.keys() & others.keys()
    for name, grams in texts.items():
        for other, theirs in (texts | others).items():
            if name != other:
                assert len(grams & theirs) <= 0.25 * min(len(grams), len(theirs)), (name, other)
