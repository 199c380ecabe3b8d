"""Token counts of what a model reads and trains on, before any model is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from challenges.payloads import Example
from challenges.prompts import render
from challenges.spec import Challenge, TrainRow

CountTokens = Callable[[str], int]


def prefix_tokens(
    challenge: Challenge,
    count_tokens: CountTokens,
    *,
    instructions: str,
    examples: Sequence[Example] = (),
    template: str | None = None,
) -> int:
    """Tokens of the part that all rows share: instructions and examples."""
    prefix = render(challenge.prompt, instructions=instructions, examples=examples, inputs=(), template=template).prefix
    return count_tokens(prefix) if prefix else 0


def input_tokens(challenge: Challenge, count_tokens: CountTokens, inputs: Sequence[str]) -> list[int]:
    """Tokens of each input in the default row template, up to where the answer begins."""
    rendered = render(challenge.prompt, instructions="", examples=(), inputs=inputs)
    return [count_tokens(suffix) for suffix in rendered.suffixes]


def row_tokens(
    challenge: Challenge, count_tokens: CountTokens, instructions: str, rows: Sequence[TrainRow]
) -> list[int]:
    """Tokens of each training row with the instructions before it and the answer after it.

    Counting the parts apart never gives fewer tokens than the tokenizer finds in the whole, up to the seams.
    """
    rendered = render(challenge.prompt, instructions=instructions, examples=(), inputs=[row.input for row in rows])
    shared = count_tokens(rendered.prefix) if rendered.prefix else 0
    texts = (suffix + rendered.lead + row.output for suffix, row in zip(rendered.suffixes, rows, strict=True))
    return [shared + count_tokens(text) for text in texts]
