"""The suite of attacks works for any question, and is always the same for the same question."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.attacks import rows
from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import free_text
from challenges.texts import normal
from graders.free_text.attacks.material import material, sentences
from graders.free_text.attacks.suite import SuiteAttack, phrasings, suite

FAMILIES = {row.family for row in rows.attacks()}
QUESTIONS = list(rows.QUESTIONS)


def made(question: str) -> tuple[SuiteAttack, ...]:
    return suite(rows.bundle(question), rows.sources(question))


def changed(bundle: ChallengeBundle, **fields: Any) -> ChallengeBundle:
    keys = free_text(bundle.challenge).model_copy(update=fields)
    return replace(bundle, challenge=bundle.challenge.with_keys("free_text", keys), digest="")


def grams(text: str, length: int = 5) -> set[tuple[str, ...]]:
    words = normal(text).split()
    return {tuple(words[at : at + length]) for at in range(len(words) - length + 1)}


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_family_in_four_phrasings_or_more(question: str) -> None:
    attacks = made(question)
    counts = Counter(attack.family for attack in attacks)
    assert set(counts) == FAMILIES
    assert min(counts.values()) >= 4
    assert len({attack.text for attack in attacks}) == len(attacks)
    assert len({(attack.family, attack.phrasing) for attack in attacks}) == len(attacks)
    assert all(0 <= attack.most <= 0.35 for attack in attacks)


@pytest.mark.parametrize("question", QUESTIONS)
def test_texts_are_whole(question: str) -> None:
    most_words = free_text(rows.bundle(question).challenge).words[1]
    for attack in made(question):
        assert not re.search(r"[{}$]|\.\.|  | [,.;!?]|\bNone\b|!\.|\?\.|\"\"", attack.text), attack
        assert attack.text[0] in "|-" or attack.text[0].isupper() or attack.family == "stubs", attack
        assert len(attack.text.split()) <= most_words, attack


def test_the_same_content_makes_the_same_attacks() -> None:
    assert made(QUESTIONS[0]) == made(QUESTIONS[0])
    assert made(QUESTIONS[0]) != made(QUESTIONS[1])


@pytest.mark.parametrize("question", QUESTIONS)
def test_attacks_speak_of_each_criterion(question: str) -> None:
    """For every criterion that requires a statement, an attack has an accepted phrase or a sentence of the author."""
    bundle = rows.bundle(question)
    texts = {(attack.family, attack.phrasing): attack.text.lower() for attack in made(question)}
    for criterion in free_text(bundle.challenge).rubric:
        if criterion.kind == "must_mention":
            said = [phrase.lower() for phrase in criterion.accept]
            for key in (("story-irony", "miller"), ("advice-against", "strike-out"), ("wishes", "depending")):
                assert any(phrase in texts[key] for phrase in said), (key, criterion.id)
            assert f"| {criterion.label.lower()} |" in texts["stubs", "table"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("family", "source"), [("lesson-copy", "lesson"), ("solution-copy", "solution")])
def test_copies_are_copied(question: str, family: str, source: str) -> None:
    original = grams(rows.sources(question)[source].replace("*", ""))
    for attack in made(question):
        if attack.family == family:
            own = grams(attack.text)
            assert len(own & original) > 0.3 * len(own), attack


def test_what_is_missing_is_not_copied() -> None:
    bundle = rows.bundle(QUESTIONS[0])
    families = {attack.family for attack in suite(bundle, {})}
    assert families == FAMILIES - {"lesson-copy"}
    alone = {attack.family for attack in suite(replace(bundle, solution=""), {"lesson": ""})}
    assert alone == FAMILIES - {"lesson-copy", "solution-copy"}
    # The FAQ is copied as well.
    faq = "Retrieval looks products and prices up in the catalogue and puts them into the prompt of the model."
    copies = [attack.text for attack in suite(bundle, {"faq": faq}) if attack.family == "lesson-copy"]
    assert copies and all(faq in text for text in copies)


def test_a_question_with_few_words_gets_short_attacks() -> None:
    short = changed(rows.bundle(QUESTIONS[1]), words=(1, 10))
    longest = max(len(attack.text.split()) for attack in suite(short, {}))
    assert longest < max(len(attack.text.split()) for attack in made(QUESTIONS[1])) / 1.5


def test_a_rubric_without_phrases_or_of_wrong_claims_only_still_makes_attacks_and_none_is_refused() -> None:
    bundle = rows.bundle(QUESTIONS[2])
    bare = [c.model_copy(update={"accept": (), "reject": ()}) for c in free_text(bundle.challenge).rubric]
    attacks = suite(changed(bundle, rubric=tuple(bare), model_answer="No idea."), {"solution": "Nothing."})
    assert {attack.family for attack in attacks} >= FAMILIES - {"lesson-copy", "solution-copy"}
    bundle = rows.bundle(QUESTIONS[0])
    claims = tuple(c for c in free_text(bundle.challenge).rubric if c.kind == "must_not_claim")
    assert claims and suite(changed(bundle, rubric=claims), {})
    with pytest.raises(ValueError, match="rubric"):
        suite(changed(bundle, rubric=()), {})


def test_no_phrasing_is_shared_with_the_corpus() -> None:
    """Everybody can read the suite, so it must not reveal the sealed attacks."""
    frames = {
        f"{family}/{phrasing.id}": re.sub(r"\{\w+\}", " \n ", " ".join([phrasing.open, *phrasing.each, phrasing.close]))
        for family, of in phrasings().items()
        for phrasing in of
    }
    for row in [*rows.attacks(), *rows.attacks(sealed=True)]:
        known = grams(row.answer)
        for name, frame in frames.items():
            shared = {gram for line in frame.splitlines() for gram in grams(line)} & known
            assert not shared, (name, shared)


def test_claims_are_statements() -> None:
    text = (
        "Start with a prompt. The catalogue changes: look it up. I would combine both of the methods. "
        "We think that the voice is style. Is the voice of the shop a style? When the numbers go down, stop. "
        "The brand voice stays as it is (mostly). Facts are retrieved for each question."
    )
    bundle = changed(rows.bundle(QUESTIONS[0]), model_answer=text)
    claims = {claim for part in material(replace(bundle, solution=""), {}) for claim in part.claims}
    assert "Facts are retrieved for each question" in claims
    assert claims <= {"Facts are retrieved for each question", "One would combine both of the methods"}


def test_sentences_of_a_page() -> None:
    page = (
        "# Title\n\n**Bold start.** A [link](https://example.org) here, and `code`.\nGoes on\nin the next line.\n\n"
        "| a | table. |\n| - | - |\n\n```\ncode is no prose.\n```\n\n> Quoted.\n\n- One item.\n- Another item.\n\n"
        "$$\nx = 1\n$$\n\n<!-- demo -->\n"
    )
    told = ["Bold start.", "A link here, and code.", "Goes on in the next line.", "One item.", "Another item."]
    assert sentences(page) == told
