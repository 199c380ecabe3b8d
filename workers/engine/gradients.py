"""How a training finds losses and gradients: by autograd, or by hand where a model fits that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from graders.base import Train
from workers.engine import models
from workers.engine.adapters import wrap
from workers.engine.decoder import Decoder
from workers.engine.head import completion_loss
from workers.engine.lora_linear import fuse
from workers.engine.models import Base
from workers.engine.packing import Example, pack


class Gradients(Protocol):
    """`peft` is the PEFT model, to be saved; `weights` are what an optimiser moves, with their gradients."""

    peft: Any
    weights: list[nn.Parameter]

    def loss(self, rows: Sequence[Example]) -> float:
        """Sum of the completion tokens' negative log-likelihoods, in nats."""

    def gradient(self, rows: Sequence[Example], share: float) -> float:
        """The same loss; a `share`'s gradient is added to the weights'."""

    def moved(self) -> None:
        """The optimiser has taken a step."""


class ByAutograd:
    """Any model; where its attention cannot be split, rows must come one at a time."""

    def __init__(self, base: Base, peft: Any) -> None:
        self.base, self.peft = base, peft
        self.weights = [parameter for parameter in peft.parameters() if parameter.requires_grad]

    def loss(self, rows: Sequence[Example]) -> float:
        with torch.no_grad():
            return self._sum(rows).item()

    def gradient(self, rows: Sequence[Example], share: float) -> float:
        found = self._sum(rows)
        torch.autograd.backward(found * share)
        return found.item()

    def moved(self) -> None:
        pass

    def _sum(self, rows: Sequence[Example]) -> torch.Tensor:
        packed = pack(rows, self.base.eos, self.base.device)
        causal = self.peft.get_base_model()
        if self.base.split:
            body, head = causal.base_model, causal.get_output_embeddings()
            out = body(input_ids=packed.ids, position_ids=packed.positions, use_cache=False, tree=packed.tree)
            return completion_loss(head, out.last_hidden_state[0, packed.places], packed.targets)
        logits = causal(input_ids=packed.ids, use_cache=False).logits[0, packed.places]
        return nn.functional.cross_entropy(logits.float(), packed.targets, reduction="sum")


class ByHand:
    """A Llama-like model on the CPU, see `decoder`."""

    def __init__(self, base: Base, peft: Any, dtype: torch.dtype, *, loops: bool) -> None:
        self.base, self.peft = base, peft
        self.decoder = Decoder(base.model, peft, dtype, loops=loops)
        self.weights = [self.decoder.adapters.weights]

    def loss(self, rows: Sequence[Example]) -> float:
        return self.decoder.loss(pack(rows, self.base.eos, self.base.device))

    def gradient(self, rows: Sequence[Example], share: float) -> float:
        return self.decoder.gradient(pack(rows, self.base.eos, self.base.device), share)

    def moved(self) -> None:
        self.decoder.moved()


def by_autograd(base: Base, item: Train, *, low: bool) -> ByAutograd:
    """Fresh adapters that depend on the seed, over the base's weights or, with `low`, their bf16 copy."""
    peft = _wrapped(models.shared(base.half if low else base.model), item)
    if base.split:
        fuse(peft)
    return ByAutograd(base, peft)


def by_hand(base: Base, item: Train, *, low: bool, loops: bool = True) -> ByHand:
    """The same adapters, which PEFT begins with numbers of the base's dtype: here always fp32.

    With `loops`, those that are compiled are used where they are right. Raises `AttributeError` or `ValueError` where
    the model is not built like Llama.
    """
    peft, dtype = _wrapped(models.hollow(base.model), item), torch.bfloat16 if low else torch.float32
    return ByHand(base, peft, dtype, loops=loops)


def _wrapped(model: Any, item: Train) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(item.seed)
        return wrap(model, item.r, item.lora_alpha, item.target_modules)
