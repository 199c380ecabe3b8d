"""The lesson *Fine-tuning vs prompting* keeps its promises: something to try at once, four questions answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from challenges.lesson.text import words

LESSON = Path(__file__).resolve().parents[3] / "challenges/library/fine-tuning-vs-prompting"
TEXT = (LESSON / "lesson.md").read_text()
SPEC = yaml.safe_load((LESSON / "lesson.yaml").read_text())


def test_something_can_be_tried_after_one_short_paragraph():
    before, marker, _ = TEXT.partition("<!-- demo -->")
    assert marker and words(before) <= 45 and len(before.strip().split("\n\n")) == 1


@pytest.mark.parametrize("name", ["method", "plain-way", "examples", "order", "json"])
def test_each_finding_has_one_place_of_its_own(name):
    assert TEXT.split("\n\n").count(f"<!-- finding: {name} -->") == 1


def test_no_claim_about_examples_is_made_beside_the_findings():
    claims = " ".join(figure["claim"] for figure in SPEC["figures"])
    assert "examples in the prompt help" not in claims and "few-shot" not in claims.lower()


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("What is LoRA and how does it differ from full fine-tuning?", "beside each large weight matrix"),
        ("When should I fine-tune instead of prompting?", "hundreds of good examples"),
        ("What is the difference between fine-tuning and RAG?", "passages that fit the question"),
        ("How many examples do I need for fine-tuning?", "500 to 1,000"),
    ],
)
def test_the_four_questions_are_answered_directly(question, word):
    (answer,) = [item["answer"] for item in SPEC["faq"] if item["question"] == question]
    assert word in " ".join(answer.split())


@pytest.mark.parametrize(
    "phrase",
    [
        "the information changes often",
        "you want to start quickly",
        "the budget is small",
        "the tasks are general and varied",
        "the style or the format is fixed",
        "the domain is narrow",
        "there are very many requests, and the time and cost of each one matter",
        "you have hundreds of good examples",
        "an hour or two on one GPU, as a rule of thumb",
        "Eight or more GPUs",
        "**Context length.**",
        "**Cost.**",
        "**Generalising.**",
        "**Sensitivity.**",
        "start with prompts, add RAG for knowledge, and fine-tune only for behaviour",
        "*Working with language models*",
    ],
)
def test_the_lesson_says(phrase):
    assert phrase in TEXT


def test_the_words_of_the_field_are_used_in_one_way():
    seen = TEXT + yaml.safe_dump(SPEC["faq"]) + yaml.safe_dump(SPEC["figures"])
    assert not re.findall(r"\b(?:a|the|full) training(?! (?:run|row|exercise))\b[^-]", seen)
    assert not re.findall(r"(?<!fine-)\btuned\b", seen)
