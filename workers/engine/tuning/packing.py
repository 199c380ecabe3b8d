"""Training rows of one step as one sequence: the tokens that all rows share once, then each row's own.

The shared prompt is computed once per step, with gradients, whatever the batch size; causal attention makes this the
same maths as one sequence a row (Hydragen's observation, arXiv 2402.05099, for training).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workers.engine.attention import Tree
from workers.engine.prompts import common_tokens


@dataclass(frozen=True)
class Example:
    """Token ids of a whole row; the completion begins at `start`."""

    tokens: list[int]
    start: int


@dataclass(frozen=True)
class Packed:
    """`ids` and `positions` `[1, shared + rows * width]`; the token after slot `places[m]` is `targets[m]`."""

    ids: Tensor
    positions: Tensor
    places: Tensor
    targets: Tensor
    tree: Tree


def pack(examples: Sequence[Example], fill: int, device: torch.device) -> Packed:
    """Rows are padded on the right to the longest; no token before the padding sees it.

    The token before a completion is never shared, so that every loss is read in its own row.
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
        tree=Tree(shared, len(examples), width),
    )
