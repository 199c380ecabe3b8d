"""Log-probabilities of some tokens from hidden states, without holding the logits of all positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from workers.engine.linear import part

LOGITS_HELD = 1 << 20
"""Logits of one block, 4 MiB: they stay in cache while their exponentials are added up."""
FEWEST_COLUMNS = 1024
POSITIONS = 1024


@torch.inference_mode()
def token_logprobs(model: Any, hidden: Tensor, wanted: Sequence[tuple[int, int]]) -> list[float]:
    """`hidden` `[M, d]` -> natural log-probability of `token` after position `at`, for each `(at, token)` wanted.

    The vocabulary is taken in blocks, each for all positions: its weights, most of a small model's, are read once.
    """
    at, tokens = torch.tensor(wanted, device=hidden.device).T
    values = hidden.new_empty(len(wanted), dtype=torch.float32)
    for first in range(0, len(hidden), POSITIONS):
        among = (at >= first) & (at < first + POSITIONS)
        values[among] = _logprobs(model.lm_head, hidden[first : first + POSITIONS], at[among] - first, tokens[among])
    found: list[float] = values.tolist()
    return found


def _logprobs(head: Any, hidden: Tensor, at: Tensor, tokens: Tensor) -> Tensor:
    chosen = hidden.new_empty(len(tokens), dtype=torch.float32)
    totals = []
    columns = max(FEWEST_COLUMNS, LOGITS_HELD // len(hidden))
    for start in range(0, head.out_features, columns):
        logits = part(head, slice(start, start + columns), hidden).float()
        among = (tokens >= start) & (tokens < start + columns)
        chosen[among] = logits[at[among], tokens[among] - start]
        totals.append(logits.logsumexp(1))
    return chosen - torch.stack(totals).logsumexp(0)[at]
