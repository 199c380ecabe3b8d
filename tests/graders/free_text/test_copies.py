import pytest

from challenges.kinds.rubric import free_text
from challenges.rows import GoldAnswer
from graders.free_text import copies
from tests.graders.free_text.judges import (
    GOOD,
    GOOD_MARKS,
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
