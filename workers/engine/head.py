"""Log-probabilities of some tokens from hidden states, and their loss, without many passes over all logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from workers.engine.linear import forward_and_back, part

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


def completion_loss(head: Any, hidden: Tensor, targets: Tensor) -> Tensor:
    """Sum of the negative log-likelihoods, in nats, of `targets` `[M]` after hidden states `[M, d]`."""
    apply: Any = CompletionLoss.apply
    loss: Tensor = apply(hidden, head, targets)
    return loss


def negative_log_likelihood(logits: Tensor, targets: Tensor, *, overwrite: bool) -> Tensor:
    """Sum over `targets` `[M]` in nats by `logits` `[M, vocabulary]`, a few positions at a time.

    With `overwrite` the logits become their probabilities, so that they are read once (the idea of Liger's fused
    cross-entropy, Hsu et al. 2024, arXiv 2410.10989).
    """
    total = torch.zeros((), device=logits.device)
    step = max(1, LOGITS_HELD // logits.shape[1])
    for start in range(0, len(logits), step):
        some = logits[start : start + step]
        values = some.float()
        normaliser = values.logsumexp(1, keepdim=True)
        total += (normaliser - values.gather(1, targets[start : start + step, None])).sum()
        if overwrite:
            some.copy_(values.sub_(normaliser).exp_())
    return total


class CompletionLoss(torch.autograd.Function):
    """Cross-entropy through a frozen head, whose gradient is found in the forward pass."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Any, targets: Tensor) -> Tensor:
        logits = head(hidden)
        total = negative_log_likelihood(logits, targets, overwrite=ctx.needs_input_grad[0])
        if ctx.needs_input_grad[0]:
            _, back = forward_and_back(logits)
            ctx.save_for_backward(back(logits, head.weight).sub_(head.weight[targets]))
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0].to(gradient.dtype), None, None
