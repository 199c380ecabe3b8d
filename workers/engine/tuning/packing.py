"""Packs the rows of a training step into one sequence: the prompt tokens that all share, then each row's own tokens.

The shared prompt is computed once per step, with gradients, whatever the batch size. Under causal attention that is the
same mathematics as one sequence for each row (the observation of Hydragen, arXiv 2402.05099, applied to training).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engine.attention import PackedLayout
from workers.tokenising import common_tokens


@dataclass(frozen=True)
class Example:
    """One training row as token ids, prompt and completion; the completion begins at token `start`."""

    tokens: list[int]
    start: int


@dataclass(frozen=True)
class Packed:
    """The packed sequence of a step.

    `ids` and `positions` are `[1, shared + rows * width]`. `places` and `targets` are `[M]`, over all completion
    tokens: the hidden state at `places[m]` predicts token `targets[m]`.
    """

    ids: Tensor
    positions: Tensor
    places: Tensor
    targets: Tensor
    packed_layout: PackedLayout


def pack(examples: Sequence[Example], fill: int, device: torch.device) -> Packed:
    """Packs the rows, padded with token `fill` on the right to the longest. No token before the padding attends to it.

    The token before a completion is never shared, so that every loss is computed in its own row.
    """
    shared = min(common_tokens([e.tokens for e in examples]), *(e.start - 1 for e in examples))
    width = max(len(e.tokens) for e in examples) - shared
    ids = list(examples[0].tokens[:shared])
    places: list[int] = []
    targets: list[int] = []
    for number, example in enumerate(examples):
        own = example.tokens[shared:]
        first = shared + number * width
        ids += own + [fill] * (width - len(own))
        places += range(first + example.start - 1 - shared, first + len(own) - 1)
        targets += example.tokens[example.start :]
    row = torch.arange(shared, shared + width)
    positions = torch.cat([torch.arange(shared), row.repeat(len(examples))])
    return Packed(
        ids=torch.tensor([ids], device=device),
        positions=positions[None].to(device),
        places=torch.tensor(places, device=device),
        targets=torch.tensor(targets, device=device),
        packed_layout=PackedLayout(shared, len(examples), width),
    )
