"""Whole prompts as tokens, and the prefix that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workers.engine.attention import Prefix
from workers.engine.models import Base

CALL_TOKENS = 1024
"""Tokens of one call, padding counted: enough for full matrix throughput, small enough to stay in cache."""


@dataclass(frozen=True)
class Contexts:
    """`shared` tokens begin every row; `rows[n]` is the rest of row n and is never empty."""

    shared: list[int]
    rows: list[list[int]]


def common_tokens(sequences: Sequence[list[int]]) -> int:
    """Length of the longest common prefix."""
    low, high = min(sequences), max(sequences)
    differing = (at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other)
    return next(differing, min(len(low), len(high)))


def split(contexts: Sequence[list[int]]) -> Contexts:
    """Cuts contexts at their longest common *token* prefix, leaving each at least its last token."""
    length = min(common_tokens(contexts), min(len(context) for context in contexts) - 1)
    return Contexts(list(contexts[0][:length]), [list(context[length:]) for context in contexts])


def batches(lengths: Sequence[int], tokens: int = CALL_TOKENS) -> list[list[int]]:
    """Row numbers, longest first, in batches whose padded size stays within `tokens` (one row always fits)."""
    order = sorted(range(len(lengths)), key=lambda n: (-lengths[n], n))
    made: list[list[int]] = []
    for n in order:
        if made and (len(made[-1]) + 1) * lengths[made[-1][0]] <= tokens:
            made[-1].append(n)
        else:
            made.append([n])
    return made


def padded(rows: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
    """`[B, longest]` token ids, padded on the right: later tokens are never seen by earlier ones."""
    width = max(len(row) for row in rows)
    return torch.tensor([list(row) + [fill] * (width - len(row)) for row in rows])


@torch.inference_mode()
def run_prefix(base: Base, model: Any, tokens: Sequence[int]) -> Prefix:
    """Runs the shared tokens once and returns their keys and values."""
    if not tokens:
        return Prefix(())
    out = model.model(input_ids=torch.tensor([list(tokens)]), use_cache=True)
    return Prefix(tuple((layer.keys, layer.values) for layer in out.cache.layers))
