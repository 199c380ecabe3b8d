"""Copies go to a person, and code alone ends only answers that are empty or that the author graded with 0 points."""

from __future__ import annotations

import pytest

from challenges.bundle import ChallengeBundle
from challenges.kinds.rubric import GATE_ANSWERS, free_text
from challenges.rows import GoldAnswer
from graders.base import JudgeId
from graders.free_text import copies
from graders.free_text.cleaning import clean
from graders.free_text.copies import zero_rule
from graders.free_text.text import exact
from tests.graders.free_text.judges import (
    GOOD,
    GOOD_MARKS,
    JUDGE,
    MODEL_ANSWER,
    QUESTION,
    bundle_of,
    gold_rows,
    graded,
    question,
    quoting,
    says,
)

BUNDLE = bundle_of()
LESSON = (
    "Every green leaf is a small factory. The green pigment keeps the red and the blue part of the daylight for itself "
    "and lets the middle part go. When the nights grow long the factory is closed down piece by piece, and the yellow "
    "pigments, which had been there since spring, are all that is left to be seen."
)
COPY = (
    "The green pigment keeps the red and the blue part of the daylight for itself and lets the middle part go. "
    "When the nights grow long the factory is closed down piece by piece."
)


@pytest.mark.parametrize(
    ("answer", "sources", "expected"),
    [
        (COPY, {"lesson": LESSON}, ["copied-from: lesson, 100 %"]),
        (COPY.upper().replace(".", " -"), {"lesson": LESSON}, ["copied-from: lesson, 100 %"]),
        (COPY, {"learner:17": LESSON}, ["copied-from: learner:17, 100 %"]),
        (MODEL_ANSWER, {}, ["copied-from: model answer, 100 %"]),
        (". ".join(reversed(MODEL_ANSWER.split(", "))), {}, ["copied-from: model answer, 58 %"]),
        (gold_rows()[0].answer, {}, ["copied-from: graded answers, 100 %"]),
        (GOOD, {"lesson": LESSON, "solution": MODEL_ANSWER}, []),
        (QUESTION, {"statement": QUESTION}, []),
        ("Red.", {"lesson": LESSON}, []),
    ],
)
def test_copies_are_named_with_their_source_and_share(
    answer: str, sources: dict[str, str], expected: list[str]
) -> None:
    assert copies.rules(copies.shares(answer, BUNDLE, sources)) == expected


def test_patchwork_of_several_sources_is_seen_as_a_whole() -> None:
    parts = COPY.split(". ")
    own = " The wind helps as well, and so do rain and frost, which I have often watched in our old garden at home."
    sources = {"lesson": parts[0], "faq": parts[1]}
    assert next(iter(copies.shares(COPY + own, BUNDLE, sources))) == "everything"


def test_two_people_may_say_a_thing_alike() -> None:
    assert copies.rules({"learner:3": 0.4}) == []
    assert copies.rules({"graded answers": 0.4}) == []
    assert copies.rules({"lesson": 0.2}) == ["copied-from: lesson, 20 %"]


FIFTEEN = "The tree breaks its chlorophyll down and then the hidden yellow pigments can be seen."


@pytest.mark.parametrize(("more", "expected"), [("", 0.0), (" Indeed.", 1.0)])
def test_answers_of_other_people_count_from_sixteen_words_on(more: str, expected: float) -> None:
    answer = FIFTEEN + more
    assert copies.shares(answer, BUNDLE, {"learner:3": answer}).get("learner:3", 0.0) == expected
    known = bundle_of(gold=[GoldAnswer.model_validate({"answer": answer, "marks": GOOD_MARKS, "role": "prompt"})])
    assert copies.shares(answer, known, {}).get("graded answers", 0.0) == expected


def test_each_graded_answer_is_compared_by_itself() -> None:
    halves = [f"{FIFTEEN} Nobody paints them.", COPY]
    rows = [GoldAnswer.model_validate({"answer": one, "marks": GOOD_MARKS, "role": "prompt"}) for one in halves]
    share = copies.shares(f"{FIFTEEN} {COPY}", bundle_of(gold=rows), {})["graded answers"]
    assert 0.5 < share < 0.8


def test_a_copy_goes_to_a_person_keeps_its_points_and_leaves_the_gate_alone() -> None:
    reply = says(GOOD_MARKS, quoting(GOOD, free_text(question()).rubric))
    alone, _ = graded(BUNDLE, GOOD, lambda _: reply)
    copied, _ = graded(BUNDLE, GOOD, lambda _: reply, sources={"solution": f"Well. {GOOD}"})
    assert (alone.review, alone.score) == ((), 1.0)
    assert (copied.review, copied.score) == (("copied-from: solution, 100 %",), 1.0)
    assert copied.private["copied"]["solution"] == 1.0
    assert copied.judge == alone.judge
    assert copied.private["content"] == alone.private["content"]
    assert copied.private["sources"] != alone.private["sources"]


def test_the_digest_of_the_sources_follows_their_words() -> None:
    one = copies.digest_of({"lesson": "a", "faq": "b"})
    assert one == copies.digest_of({"faq": "b", "lesson": "a"})
    assert one != copies.digest_of({"lesson": "b", "faq": "a"})


NOTHING = dict.fromkeys(GOOD_MARKS, "not_met")


def gold(answer: str, marks: dict[str, str]) -> GoldAnswer:
    return GoldAnswer.model_validate({"answer": answer, "marks": marks, "role": "calibration"})


def with_gold(*rows: GoldAnswer) -> ChallengeBundle:
    return bundle_of(gold=[*gold_rows(), *rows])


@pytest.mark.parametrize(
    "answer",
    [
        ":",
        "no",
        "42",
        "green light",
        "it does not",
        "Thought process:",
        QUESTION,
        "Leaves look green and many of them turn yellow in autumn.",
        "\u56e0\u4e3a\u53f6\u7eff\u7d20",
    ],
)
@pytest.mark.parametrize("has_judge", [True, False])
def test_a_short_answer_and_one_of_the_questions_words_are_graded_and_never_zeroed_for_good(
    answer: str, has_judge: bool
) -> None:
    reply = says(NOTHING, {}) if has_judge else None
    result, calls = graded(bundle_of(), answer, lambda _: reply, problem="no_endpoint")
    assert calls
    assert has_judge or (result.provisional and result.review)


@pytest.mark.parametrize("answer", ["", "  ", "\u200b\u2060", "\n\t"])
def test_an_empty_answer_is_a_final_zero_without_a_call(answer: str) -> None:
    result, calls = graded(bundle_of(), answer, lambda _: says(GOOD_MARKS, {}))
    assert (result.score, result.review, result.provisional, calls) == (0.0, (), False, [])
    assert result.private["rule"] == "empty"


def test_push_and_pop_can_earn_full_marks() -> None:
    rubric = [{"id": "both", "points": 1, "label": "Names both", "text": "Insertion and removal are named."}]
    stack = question(question="What are the two main functions defined by a stack?", rubric=rubric)
    reply = says({"both": "met"}, {"both": ["push and pop"]})
    result, _ = graded(bundle_of(stack, []), "push and pop", lambda _: reply)
    assert result.score == 1


@pytest.mark.parametrize("text", ["Paint.", " PAINT ", '"paint"'])
def test_only_the_very_answer_that_the_author_gave_nothing_is_a_final_zero(text: str) -> None:
    assert zero_rule(clean(text, 1000), with_gold(gold("paint", NOTHING))) == "gold-zero"


@pytest.mark.parametrize(
    ("rows", "calibrated", "review"),
    [
        (5, frozenset(), ("pilot-mode",)),
        (GATE_ANSWERS + 2, frozenset(), ("pilot-mode",)),
        (GATE_ANSWERS + 3, frozenset(), ()),
        (5, frozenset({JUDGE}), ()),
        (5, None, ()),
    ],
)
def test_a_person_also_sees_that_zero_while_the_question_is_in_pilot_mode(
    rows: int, calibrated: frozenset[JudgeId] | None, review: tuple[str, ...]
) -> None:
    """Of `gold_rows` three are for the prompt, so 43 are needed; an open gate ends the pilot as well."""
    row = GoldAnswer(answer="paint", marks=NOTHING, role="test")
    bundle = bundle_of(gold=[*gold_rows(rows), row])
    result, calls = graded(bundle, "Paint.", lambda _: None, calibrated=calibrated)
    assert (result.score, result.review, result.provisional, calls) == (0, review, bool(review), [])


@pytest.mark.parametrize(
    ("graded_zero", "text"), [("-1", "1"), ("1 2", "1/2"), ("<", ">"), ("5", ".5"), ("x-y", "x+y")]
)
def test_signs_tell_answers_apart_and_what_was_graded_both_ways_goes_on(graded_zero: str, text: str) -> None:
    assert exact(graded_zero) != exact(text)
    assert zero_rule(clean(text, 1000), with_gold(gold(graded_zero, NOTHING))) is None
    both = with_gold(gold(graded_zero, NOTHING), gold(graded_zero, GOOD_MARKS))
    assert zero_rule(clean(graded_zero, 1000), both) is None


def test_a_few_words_that_many_people_find_are_no_copy() -> None:
    reply = says(NOTHING | {"absorbs": "met"}, {"absorbs": ["absorbs red and blue"]})
    result, _ = graded(with_gold(gold("absorbs red and blue", GOOD_MARKS)), "absorbs red and blue", lambda _: reply)
    assert not [rule for rule in result.review if rule.startswith("copied")]


@pytest.mark.parametrize(("answer", "is_zero"), [("10\u00b2", False), ("102", True), ("\uff11\uff10\uff12", True)])
def test_a_superscript_is_not_folded_into_the_zero_of_another_answer(answer: str, is_zero: bool) -> None:
    bundle = with_gold(gold("10\u00b2", GOOD_MARKS), gold("102", NOTHING))
    result, _ = graded(bundle, answer, lambda _: says(NOTHING, {}))
    assert (result.private["rule"] == "gold-zero") is is_zero
