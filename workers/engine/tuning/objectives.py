"""Training objectives, and how rows are tokenised for them: completions, or preferences between two completions.

The loss of a batch is computed in parts that add up to its mean, so that a large batch needs no more memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from graders.base import Rejected, Train
from workers.engine.models import Base
from workers.engine.tuning.packing import Example, pack
from workers.tokenising import common_tokens

Figures = dict[str, float]
"""What is known of a batch besides its loss, by name."""


@dataclass(frozen=True)
class Pair:
    """Two answers to one prompt; `reference` holds the log-ratio of both under the base model, in nats, once known."""

    chosen: Example
    rejected: Example
    reference: list[float] = field(default_factory=list)

    @property
    def tokens(self) -> list[int]:
        return [*self.chosen.tokens, *self.rejected.tokens]


class Completions:
    """Supervised fine-tuning: the mean cross-entropy per completion token, in nats."""

    def read(self, base: Base, rows: Sequence[tuple[str, ...]], tokens_max: int) -> list[Example]:
        return examples(base, [(row[0], row[1]) for row in rows], tokens_max)

    def loss(self, base: Base, model: Any, part: Sequence[Example], batch: Sequence[Example]) -> tuple[Tensor, Figures]:
        return negative_log_likelihood(base, model, part).sum() / completion_tokens(batch), {}


@dataclass(frozen=True)
class Preferences:
    """DPO (Rafailov et al. 2023, arXiv 2305.18290); the reference is the model with its adapter off.

    `beta` scales the rewards. `alpha` is the weight of the mean cross-entropy per token of the chosen answers, which is
    added to the loss (RPO, arXiv 2404.19733). Of the figures, `margin` is the mean difference of the rewards, and
    `accuracy` the share of pairs whose chosen answer has the larger reward.
    """

    beta: float
    alpha: float

    def read(self, base: Base, rows: Sequence[tuple[str, ...]], tokens_max: int) -> list[Pair]:
        chosen = examples(base, [(row[0], row[1]) for row in rows], tokens_max)
        rejected = examples(base, [(row[0], row[2]) for row in rows], tokens_max)
        return [Pair(*sides) for sides in zip(chosen, rejected, strict=True)]

    def loss(self, base: Base, model: Any, part: Sequence[Pair], batch: Sequence[Pair]) -> tuple[Tensor, Figures]:
        sides = [pair.chosen for pair in part] + [pair.rejected for pair in part]
        chosen, rejected = negative_log_likelihood(base, model, sides).neg().chunk(2)
        margins = self.beta * (chosen - rejected - self._reference(base, model, part, sides))
        loss = -functional.logsigmoid(margins).sum() / len(batch)
        if self.alpha:
            loss = loss - self.alpha * chosen.sum() / completion_tokens([pair.chosen for pair in batch])
        figures = {"margin": margins.sum().item(), "accuracy": float((margins > 0).sum().item())}
        return loss, {name: value / len(batch) for name, value in figures.items()}

    @torch.no_grad()
    def _reference(self, base: Base, model: Any, part: Sequence[Pair], sides: Sequence[Example]) -> Tensor:
        """`[pairs]` log-ratios of chosen to rejected under the base model, computed once for each pair."""
        if not all(pair.reference for pair in part):
            with model.disable_adapter():
                chosen, rejected = negative_log_likelihood(base, model, sides).neg().chunk(2)
            for pair, margin in zip(part, (chosen - rejected).tolist(), strict=True):
                pair.reference[:] = [margin]
        return torch.tensor([pair.reference[0] for pair in part], device=base.device)


def objective(item: Train) -> Completions | Preferences:
    """The objective of the item's training method."""
    return Preferences(item.beta, item.rpo_alpha) if item.method == "dpo" else Completions()


def examples(base: Base, rows: Sequence[tuple[str, str]], tokens_max: int) -> list[Example]:
    """Tokenises prompt and completion together and adds the end-of-text token where it is not there yet."""
    prompts = base.encode([prompt for prompt, _ in rows])
    wholes = base.encode([prompt + completion for prompt, completion in rows])
    made = []
    for number, (prompt, whole) in enumerate(zip(prompts, wholes, strict=True), start=1):
        tokens = whole if whole[-1:] == [base.eos] else [*whole, base.eos]
        if len(tokens) > tokens_max:
            raise Rejected("row_too_long", f"row {number} has {len(tokens)} tokens; at most {tokens_max} are taken")
        made.append(Example(tokens, max(1, common_tokens([prompt, whole]))))
    return made


def completion_tokens(rows: Sequence[Example]) -> int:
    """The number of completion tokens of all rows."""
    return sum(len(example.tokens) - example.start for example in rows)


def negative_log_likelihood(base: Base, model: Any, rows: Sequence[Example]) -> Tensor:
    """`[rows]`: the negative log-likelihood of each row's completion, in nats, summed over its tokens.

    Where attention cannot be split, each row is a sequence of its own.
    """
    if not base.split and len(rows) > 1:
        return torch.cat([negative_log_likelihood(base, model, [row]) for row in rows])
    packed = pack(rows, base.eos, base.device)
    causal = getattr(model, "get_base_model", lambda: model)()
    if base.split:
        out = causal.base_model(
            input_ids=packed.ids, position_ids=packed.positions, use_cache=False, packed_layout=packed.packed_layout
        )
        logits = causal.get_output_embeddings()(out.last_hidden_state[0, packed.places])
    else:
        logits = causal(input_ids=packed.ids, use_cache=False).logits[0, packed.places]
    losses = functional.cross_entropy(logits.float(), packed.targets, reduction="none")
    each = torch.split(losses, [completion_tokens([row]) for row in rows])
    return torch.stack([part.sum() for part in each])
