"""The reasons why an answer waits for a person are told in words, also those that only earlier releases had."""

from __future__ import annotations

import pytest

from gradus.reviews.review_reasons import WORDS, all_in_words, in_words
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
    assert said == "62 % of the runs of five words in the answer also stand in another learner's earlier answer"


def test_other_rules_are_told_in_words() -> None:
    assert in_words("split-vote: absorbs", question()).endswith("the majority: “Explains the green”")
    assert in_words("near-pass-mark", question()) == WORDS["near-pass-mark"]
    assert in_words("a-new-rule: x", question()) == "a-new-rule: x"
    assert in_words("no-judge: no_endpoint", question()) == (
        "No judge is set up, so the built-in checks marked this answer"
    )
    said = in_words("no-judge: budget", question())
    assert said.startswith("No judge answered, ") and said.endswith("a budget for the judge is used up")


def test_a_reason_quotes_the_sentence_that_it_is_about() -> None:
    rules = ["denied: absorbs", "negated-quote: absorbs"]
    said = all_in_words(rules, question(), {"denied: absorbs": ["It does not."]})
    assert said[0].endswith(": “Explains the green”: “It does not.”")
    assert said[1].endswith(": “Explains the green”")
