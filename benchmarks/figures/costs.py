"""The least number of floating-point operations that a piece of work needs, from a model's configuration.

A shared prompt is read once, only needed positions are projected, labels share their common tokens; training adds a
backward pass through frozen weights. Multiplication and addition count one each. Elementwise work is left out. Every
token is counted in all layers, though the last one may leave out all but keys and values where nobody reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.peers.job import Row, shared


@dataclass(frozen=True)
class Costs:
    """Operations of one token in the body, of one query-key pair over all layers, of one position projected to the
    vocabulary; of one token in adapters of rank 1 on all linear layers."""

    token: int
    pair: int
    head: int
    rank: int


def costs(config: Any) -> Costs:
    """`config` is that of a transformers decoder with gated FFNs (Llama and the like)."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    queries, keys = config.num_attention_heads * size, config.num_key_value_heads * size
    d, ffn, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    linear = [(d, queries), (d, keys), (d, keys), (queries, d), (d, ffn), (d, ffn), (ffn, d)]
    return Costs(
        token=2 * layers * sum(a * b for a, b in linear),
        pair=4 * layers * queries,
        head=2 * d * config.vocab_size,
        rank=2 * layers * sum(a + b for a, b in linear),
    )


def reading(cost: Costs, prompt: int, rows: Sequence[int]) -> float:
    """The prompt once, each row's own tokens, and one position projected a row."""
    total: float = prompt * cost.token + cost.pair * prompt * prompt / 2
    for own in rows:
        total += own * cost.token + cost.pair * (own * prompt + own * own / 2) + cost.head
    return total


def steps(cost: Costs, prompt: int, rows: Sequence[int], more: Sequence[int]) -> float:
    """`more` tokens a row after its own: nodes of a trie of labels, or tokens of a text that are read again."""
    each = (cost.token + cost.pair * (prompt + own) + cost.head for own in rows)
    return sum(count * one for count, one in zip(more, each, strict=True))


def labels(cost: Costs, rows: Sequence[Row]) -> float:
    prompt, own = _lengths(rows)
    return reading(cost, prompt, own) + steps(cost, prompt, own, [len(nodes(row)) for row in rows])


def nodes(row: Row) -> set[tuple[int, ...]]:
    """Distinct beginnings of labels after which another token is read."""
    return {tuple(tokens[:at]) for tokens in row.labels for at in range(1, len(tokens))}


def texts(cost: Costs, rows: Sequence[Row], new: Sequence[int]) -> float:
    """`new` tokens of each row, the end of text not counted; the last one is not read again."""
    prompt, own = _lengths(rows)
    return reading(cost, prompt, own) + steps(cost, prompt, own, [max(0, count - 1) for count in new])


def _lengths(rows: Sequence[Row]) -> tuple[int, list[int]]:
    prompt = shared(rows)
    return prompt, [len(row.context) - prompt for row in rows]


def training(cost: Costs, rows: Sequence[tuple[int, int]], prompt: int, batch: int, epochs: int, rank: int) -> float:
    """`rows` are lengths in tokens and in completion tokens; `prompt` tokens begin every row, once a step.

    A frozen layer costs a product forward and one backward, its adapter and attention twice as much backward, the head
    is read at completion tokens alone.
    """
    own = [length - prompt for length, _ in rows]
    tokens = sum(own) + prompt * -(-len(rows) // batch)
    pairs = sum(one * prompt + one * one / 2 for one in own) + prompt * prompt / 2 * -(-len(rows) // batch)
    completion = sum(count for _, count in rows)
    each = tokens * (2 * cost.token + 3 * cost.rank * rank) + 3 * cost.pair * pairs + 2 * cost.head * completion
    return epochs * each
