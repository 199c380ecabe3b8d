import pytest

from challenges.kinds.rubric import free_text
from graders.free_text import copies
from tests.graders.free_text.judges import (
    GOOD,
    GOOD_MARKS,
    MODEL_ANSWER,
    QUESTION,
    bundle_of,
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


def test_two_learners_may_say_a_short_thing_alike() -> None:
    assert copies.rules({"learner:3": 0.2}) == []
    assert copies.rules({"lesson": 0.2}) == ["copied-from: lesson, 20 %"]


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
