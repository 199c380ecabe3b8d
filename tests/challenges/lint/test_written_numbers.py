"""Which numbers of a lesson's text look like a measured result, and which say where they are from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenges.lint.written_numbers import Written, written_numbers


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("The adapter scored 0.83, and the prompt .5.", ["0.83", ".5"]),
        ("All were right: 1.00.", ["1.00"]),
        ("It is right in 74 % of the rows, or 74 per cent, or 7.5%.", ["74 %", "74 per cent", "7.5%"]),
        ("## Only 0.4 of them", ["0.4"]),
        ("::: fold Details\nIt has 0.61.\n:::", ["0.61"]),
        ("- one\n- two reach 12 %", ["12 %"]),
        ("| method | score |\n| - | - |\n| LoRA | 0.91 |", ["0.91"]),
        ("Suppose that it scores 0.5. In truth it scored 0.6.", ["0.6"]),
        ("It scored 0.7 (with seed 17).", ["0.7"]),
    ],
)
def test_a_number_without_a_source_is_found(text: str, numbers: list[str]) -> None:
    assert [one.number for one in written_numbers(text)] == numbers


@pytest.mark.parametrize(
    "text",
    [
        "LoRA came within 2 % of it (Hu et al. 2021).",
        "Hu et al. 2021 trained 0.1 of the weights.",
        "Zhou and Li (2023) report 43 %.",
        "On 65 billion weights 0.95 of it was kept (arXiv 2305.11206).",
        "As a rule of thumb LoRA reaches 90 % of it.",
        "These prices are made up: 0.5 for each.",
        "Suppose that the model gives this label 0.7.",
        "Imagine that 20 % of the rows are wrong; for example, every fifth.",
        "That is $20 / 7000 = 0.3$ % of the weights.",
        "The run costs 0.5 euros, 0.3 GB and 0.25 seconds.",
        "Set `learning_rate` to `0.001`, and `overlap` to `0.2`.",
        "```python\nscore = 0.83\n```",
        "    score = 0.83",
        "> *From an answer:* the loss climbs from 0.62 to 1.10.",
        "With 95 % confidence the true value lies in the interval.",
        "A score lies from 0 to 1. Version 0.2.0 of GPT-0.5 has 16.8 million, and 1.5 is no share.",
        "[0.83 of them](https://example.org)",
        "![a bar at 0.83](assets/bar.svg)",
        "<!-- 0.83 -->",
        "| method | score |\n| - | - |\n| LoRA (Hu et al. 2021) | 0.91 |",
        "The scores are from the paper (Hu et al. 2021).\n\n| method | score |\n| - | - |\n| LoRA | 0.91 |",
        "It is right in $p = 0.7$ of the cases.\n\n$$ 0.83 $$",
    ],
)
def test_a_number_that_says_where_it_is_from_is_fine(text: str) -> None:
    assert written_numbers(text) == ()


def test_the_line_is_that_of_the_paragraph() -> None:
    assert written_numbers("a\n\nb\nc 0.5\n\n- 3 %\n") == (Written(3, "0.5"), Written(6, "3 %"))


PIECES = (
    "0.5",
    " 3 %",
    "\n\n",
    "| a |\n",
    "| - |\n",
    "> ",
    "`",
    "$",
    "[",
    "](x)",
    "(Hu et al. 2021)",
    ". A",
    "::: fold x\n",
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=14))
def test_any_text_is_read(pieces: list[str]) -> None:
    assert all(one.line >= 1 for one in written_numbers("".join(pieces)))
