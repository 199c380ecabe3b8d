"""The corpus of honest answers and attacks: complete, consistent, and without the same text twice."""

from __future__ import annotations

import pytest

from benchmarks.attacks.rows import QUESTIONS, Attack, Honest, attacks, bundle, honest
from challenges.kinds.rubric import free_text
from challenges.texts import normal

FAMILIES = {
    "lesson-copy",
    "solution-copy",
    "rubric-questions",
    "reported-speech",
    "advice-against",
    "retraction",
    "stubs",
    "padding",
    "story-irony",
    "wishes",
}
COPIES = {"lesson-copy", "solution-copy"}


@pytest.fixture(scope="module")
def all_attacks() -> list[Attack]:
    return attacks() + attacks(sealed=True)


@pytest.fixture(scope="module")
def all_honest() -> list[Honest]:
    return honest() + honest(sealed=True)


def shingles(text: str, length: int = 5) -> set[tuple[str, ...]]:
    words = normal(text).split()
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


def test_a_third_of_the_phrasings_of_each_family_is_sealed() -> None:
    phrasings = {sealed: {(row.family, row.phrasing) for row in attacks(sealed)} for sealed in (False, True)}
    assert not phrasings[False] & phrasings[True]
    for family in FAMILIES:
        known, kept = ({name for of, name in phrasings[sealed] if of == family} for sealed in (False, True))
        assert len(known | kept) >= 6, family
        assert len(kept) == 2, family
    assert len(attacks(sealed=True)) == 50


def test_marks_and_quotes_name_the_criteria(all_honest: list[Honest], all_attacks: list[Attack]) -> None:
    for row in all_honest:
        rubric = {criterion.id: criterion for criterion in free_text(bundle(row.question).challenge).rubric}
        assert row.marks.keys() == rubric.keys(), row.id
        assert row.quotes.keys() == {name for name, mark in row.marks.items() if mark != "not_met"}, row.id
        assert all(rubric[name].partial == "half" for name, mark in row.marks.items() if mark == "partial"), row.id
    for attack in all_attacks:
        assert attack.quotes.keys() == {c.id for c in free_text(bundle(attack.question).challenge).rubric}, attack.id
        assert 0 <= attack.most < 0.4, attack.id


def test_quotes_stand_in_the_answer(all_honest: list[Honest], all_attacks: list[Attack]) -> None:
    for row in [*all_honest, *all_attacks]:
        for quotes in row.quotes.values():
            assert quotes, row.id
            assert all(quote and quote in row.answer for quote in quotes), row.id


def test_answers_could_have_been_handed_in(all_honest: list[Honest], all_attacks: list[Attack]) -> None:
    for row in [*all_honest, *all_attacks]:
        least, most = free_text(bundle(row.question).challenge).words
        assert least <= len(row.answer.split()) <= most, row.id


def test_no_answer_stands_twice(all_honest: list[Honest], all_attacks: list[Attack]) -> None:
    """Copies of lesson and solution share sentences with one another by their nature, and with nothing else."""
    texts = {row.id: row.answer for row in all_honest}
    texts |= {row.id: row.answer for row in all_attacks if row.family not in COPIES}
    for question in QUESTIONS:
        texts |= {f"gold-{question}-{at}": row.answer for at, row in enumerate(bundle(question).gold)}
    grams = {name: shingles(text) for name, text in texts.items()}
    for name, own in grams.items():
        for other, theirs in grams.items():
            if name < other and not name.startswith("gold"):
                assert len(own & theirs) <= 0.25 * min(len(own), len(theirs)), (name, other)
