"""Token counts of what a model reads and trains on, before any model is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from challenges.models.chat_templates import known_turns
from challenges.payloads import Example
from challenges.prompts import NO_WORDS, own_words, render
from challenges.rows import AnyRow
from challenges.spec import Challenge

CountTokens = Callable[[str], int]


def prefix_tokens(
    challenge: Challenge,
    count_tokens: CountTokens,
    *,
    instructions: str,
    examples: Sequence[Example] = (),
    template: str | None = None,
    words: Mapping[str, str] = NO_WORDS,
) -> int:
    """Tokens of what all rows share: instructions, examples, and what a template of the learner's own adds to each."""
    prefix = render(
        challenge.prompt,
        instructions=instructions,
        examples=examples,
        inputs=(),
        template=template,
        words=words,
        turns=known_turns(challenge.model),
    ).prefix
    shared = prefix + own_words(challenge.prompt, template)
    return count_tokens(shared) if shared else 0


def input_tokens(challenge: Challenge, count_tokens: CountTokens, inputs: Sequence[str]) -> list[int]:
    """Tokens of each input in the default row template, up to where the answer begins."""
    rendered = render(challenge.prompt, instructions="", examples=(), inputs=inputs, turns=known_turns(challenge.model))
    return [count_tokens(suffix) for suffix in rendered.suffixes]


def row_tokens(
    challenge: Challenge, count_tokens: CountTokens, instructions: str, rows: Sequence[AnyRow]
) -> Iterator[int]:
    """Tokens of each training row with the instructions before it and the answer after it, counted as asked for.

    Counting the parts apart never gives fewer tokens than the tokenizer finds in the whole, up to the seams.
    """
    inputs = [row.input for row in rows]
    rendered = render(
        challenge.prompt, instructions=instructions, examples=(), inputs=inputs, turns=known_turns(challenge.model)
    )
    shared = count_tokens(rendered.prefix) if rendered.prefix else 0
    for suffix, row in zip(rendered.suffixes, rows, strict=True):
        yield shared + count_tokens(suffix + rendered.lead + row.output)
