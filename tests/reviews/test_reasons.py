"""The reasons why an answer waits for a person are told in words, also those that only earlier releases had."""

from __future__ import annotations

import pytest

from gradus.reviews.review_reasons import in_words
from tests.graders.free_text.judges import question

UNTIL_0_3_0 = (
    "addresses-grader asks-only copied hedges irony like-a-wrong-claim many-negations met-without-likeness "
    "mixed-scripts mostly-beside mostly-uncommitted no-commitment no-sentences nothing-of-its-own repetition story "
    "stubs-quoted"
)
NOW = (
    "advises-against encoded hidden-characters known-attack negated-quote no-evidence one-quote-for-all other-language "
    "over-length reported-speech score-above-estimate takes-back unlike-graded-answers"
)


@pytest.mark.parametrize("rule", [*UNTIL_0_3_0.split(), *NOW.split()])
def test_a_rule_is_told_in_a_sentence(rule: str) -> None:
    said = in_words(rule, question())
    assert said.startswith(("The ", "A ", "At ", "There ", "One ", "Most ", "Headings"))
    assert " " in said
    assert in_words(f"{rule}: absorbs", question()) == f"{said}: “Explains the green”"


def test_a_copy_is_told_with_its_source() -> None:
    said = in_words("copied-from: learner:7, 62 %", question())
    assert "submission 7" in said
    assert "62 %" in said
