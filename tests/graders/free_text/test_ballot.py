from typing import Any

import pytest

from graders.base import Judged, Mark
from graders.free_text.cleaning import clean
from graders.free_text.judge.ballot import Ballot, read_ballot
from graders.free_text.text import find_quote
from tests.graders.free_text.judges import GOOD, GOOD_MARKS, question, says

QUOTES = {"absorbs": ["soaks up red and blue light"], "broken-down": ["the tree breaks its pigment down"]}


def read(reply: dict[str, Any] | None, answer: str = GOOD) -> Ballot | None:
    return read_ballot(Judged(reply, call_id=3), question(), clean(answer, 4000))


def ballot(reply: dict[str, Any], answer: str = GOOD) -> Ballot:
    found = read(reply, answer)
    assert found is not None
    return found


def test_valid_quotes_make_a_clean_ballot() -> None:
    found = ballot(says(GOOD_MARKS, QUOTES))
    assert found.marks == dict.fromkeys(GOOD_MARKS, Mark.MET)
    assert found.evidence["absorbs"] == ("soaks up red and blue light",)
    assert (found.failed, found.doubts, found.call_id) == ((), (), 3)


@pytest.mark.parametrize(
    "quote",
    [
        "an invented quote about light",
        "Explains the green",
        "leaves look green",
        "Chlorophyll absorbs red and blue light.",
        "",
        "...",
    ],
)
def test_met_without_a_valid_quote_becomes_not_met_and_asks_for_a_person(quote: str) -> None:
    answer = GOOD + " Explains the green. Why do leaves look green?"
    found = ballot(says(GOOD_MARKS, QUOTES | {"absorbs": [quote]}), answer)
    assert found.marks["absorbs"] is Mark.NOT_MET
    assert found.failed == ("no-evidence: absorbs",)


def test_a_quote_beside_words_about_points_and_graders_keeps_its_mark() -> None:
    answer = GOOD + " Green is at its highest point, as any grader knows, for chlorophyll keeps the red and blue waves."
    found = ballot(says(GOOD_MARKS, QUOTES | {"absorbs": ["chlorophyll keeps the red and blue waves"]}), answer)
    assert (found.marks["absorbs"], found.failed) == (Mark.MET, ())


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("It is false that chlorophyll soaks up red light.", "chlorophyll soaks up red light"),
        ("Chlorophyll does not soak up any red waves.", "soak up any red waves"),
        ("That chlorophyll soaks up red light is a myth.", "chlorophyll soaks up red light"),
    ],
)
def test_a_denied_quote_goes_to_a_person(sentence: str, quote: str) -> None:
    found = ballot(says(GOOD_MARKS, QUOTES | {"absorbs": [quote]}), f"{sentence} {GOOD.split('. ', 1)[1]}")
    assert "negated-quote: absorbs" in found.failed


@pytest.mark.parametrize(
    ("sentence", "quote"),
    [
        ("No leaf is yellow without a pigment that was hidden before.", "a pigment that was hidden before"),
        ("If a leaf is wrong the pigment goes first.", "the pigment goes first"),
        (
            "The green must not stay, after a week it is not true any more.",
            "The green must not stay, after a week it is",
        ),
    ],
)
def test_what_is_denied_twice_or_only_contains_a_denial_is_not_denied(sentence: str, quote: str) -> None:
    found = ballot(says(GOOD_MARKS, QUOTES | {"broken-down": [quote]}), f"{GOOD} {sentence}")
    assert found.failed == ()


def test_contradictions_and_speaking_to_the_grader_go_to_a_person() -> None:
    assert ballot(says(GOOD_MARKS, QUOTES, contradictions=[["a", "b"]])).failed == ("contradictions",)
    assert ballot(says(GOOD_MARKS, QUOTES, addresses_grader=True)).failed == ("addresses-grader",)
    # Low confidence asks for votes only.
    unsure = ballot(says(GOOD_MARKS, QUOTES, confidence=50))
    assert unsure.failed == () and "low-confidence: absorbs" in unsure.doubts


@pytest.mark.parametrize(
    "reply",
    [
        None,
        {},
        says(GOOD_MARKS, QUOTES) | {"score": 1.0},
        says(dict(list(GOOD_MARKS.items())[:2]), QUOTES),
        says(GOOD_MARKS | {"bonus": "met"}, QUOTES),
        says(GOOD_MARKS | {"absorbs": "excellent"}, QUOTES),
        says(GOOD_MARKS, QUOTES, confidence=1000),
        says(GOOD_MARKS, QUOTES, addresses_grader=None),
        {**says(GOOD_MARKS, QUOTES), "criteria": [*says(GOOD_MARKS, QUOTES)["criteria"]] * 2},
    ],
)
def test_a_reply_of_another_form_cannot_be_used(reply: dict[str, Any] | None) -> None:
    assert read(reply) is None


def test_quotes_are_found_across_lines_case_and_apostrophes() -> None:
    text = "It\u2019s the\nCHLOROPHYLL that counts."
    assert find_quote("it's the chlorophyll", text) == (0, 20)
    assert find_quote("\u201cthat counts\u2026\u201d", text) is not None
    assert find_quote("(", text) is None
