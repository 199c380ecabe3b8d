"""Log-probabilities of some tokens from hidden states, and their loss, without many passes over all logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workers.engine import abilities, onednn
from workers.engine.linear import forward_and_back, laid_out, part

LOGITS_HELD = 1 << 20
"""Logits of one block, 4 MiB: they stay in cache while their exponentials are added up."""
FEWEST_COLUMNS = 1024
POSITIONS = 1024
CANDIDATES = 8
"""Tokens of a position whose logits are computed exactly, see `QuickHead`."""
SLACK = 1 + 2**-6
"""What the columns of bounds are widened by, more than their rounding to bf16 may take."""
ROUNDING = 2**-24
"""Of a sum in fp32, for each of its terms."""


@dataclass(frozen=True)
class QuickHead:
    """The likeliest token of each position by products in bf16, exactly.

    `bounding` `[vocabulary, d + 2]` yields upper bounds of all logits: the rounded weights, and columns for what
    rounding may have taken from them, |x - x'| |w| + |x'| |w - w'| by Cauchy and Schwarz, and the sum from |x'| |w|. Of
    the tokens with the highest bounds the logits are computed in fp32; where one is above every other token's bound, it
    is the best. Others are asked of the whole `head`.
    """

    head: nn.Linear
    bounding: Tensor

    @classmethod
    def of(cls, head: nn.Module) -> QuickHead | None:
        """None where products in bf16 do not keep their sums, and for a head that is not one plain product in fp32."""
        if not isinstance(head, nn.Linear) or head.bias is not None or head.out_features <= CANDIDATES:
            return None
        weight = head.weight
        if weight.dtype != torch.float32 or weight.device.type != "cpu" or not abilities.here().library:
            return None
        low = weight.bfloat16()
        length, lost = weight.norm(dim=1), (weight - low.float()).norm(dim=1)
        bounds = torch.stack([length, lost + head.in_features * ROUNDING * length], 1) * SLACK
        bounding = laid_out(torch.cat([low, bounds.bfloat16()], 1))
        return cls(head, bounding) if onednn.fits(bounding) else None

    def best(self, hidden: Tensor, margin: float) -> tuple[Tensor, Tensor]:
        """The likeliest token after each of `hidden` `[N, d]`, and whether another's logit is within `margin`."""
        highest = self.bounds(hidden).topk(CANDIDATES + 1)
        tokens, rest = highest.indices[:, :-1], highest.values[:, -1]
        logits = torch.bmm(self.head.weight[tokens], hidden.unsqueeze(2)).squeeze(2)
        found = logits.topk(2)
        token, tied = tokens.gather(1, found.indices)[:, 0], found.values[:, 0] - found.values[:, 1] < margin
        unproven = (~(found.values[:, 0] - margin > rest)).nonzero()[:, 0]
        if len(unproven):
            token[unproven], tied[unproven] = best(self.head(hidden[unproven]), margin)
        return token, tied

    def bounds(self, hidden: Tensor) -> Tensor:
        """Upper bounds `[N, vocabulary]` of the logits of `[N, d]`."""
        low = hidden.bfloat16()
        wide = low.float()
        lost = torch.stack([(hidden - wide).norm(dim=1), wide.norm(dim=1)], 1) * SLACK
        return onednn.product(torch.cat([low, lost.bfloat16()], 1), self.bounding)


def best(logits: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """The likeliest token of each of `[N, vocabulary]`, which it overwrites; whether another is within `margin`."""
    highest, token = logits.max(-1)
    second = logits.scatter_(1, token.unsqueeze(1), -torch.inf).amax(-1)
    return token, highest - second < margin


@torch.inference_mode()
def token_logprobs(head: Any, hidden: Tensor, wanted: Sequence[tuple[int, int]]) -> list[float]:
    """`hidden` `[M, d]` -> natural log-probability of `token` after position `at`, for each `(at, token)` wanted.

    The vocabulary is taken in blocks, each for all positions: its weights, most of a small model's, are read once.
    """
    at, tokens = torch.tensor(wanted, device=hidden.device).T
    values = hidden.new_empty(len(wanted), dtype=torch.float32)
    for first in range(0, len(hidden), POSITIONS):
        among = (at >= first) & (at < first + POSITIONS)
        values[among] = _logprobs(head, hidden[first : first + POSITIONS], at[among] - first, tokens[among])
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
