"""Base models on disk and in memory. A folder holds plain safetensors, in fp32 or for larger models in bf16."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from challenges.models.weight_files import weight_files
from workers.engine import attention
from workers.engine.kernels.products import Bf16Linear
from workers.tokenising import SIZES, UNBOUNDED, Reader, listed

BF16_TIE_MARGIN = 0.3
"""Nats. In bf16 the rows beside a row in a call can move its numbers as far; see `scoring.TIE_MARGIN`."""


@dataclass(frozen=True)
class Base(Reader):
    """A base model that is held in memory. Its weights are never written to.

    `model` is a transformers causal LM in eval mode, in fp32 or bf16; `context` is in tokens; `digest` is that of its
    files.
    Texts end at any of the tokens `ends`; `eos` is the one that training rows end with.
    Where `split` is false the model's code does not fit split attention, and rows are computed one by one.
    """

    name: str
    model: Any
    ends: frozenset[int]
    digest: str
    split: bool = True

    @property
    def device(self) -> torch.device:
        device: torch.device = self.model.device
        return device

    @property
    def in_bf16(self) -> bool:
        """Whether the weights are held in bf16."""
        return bool(self.model.dtype == torch.bfloat16)

    def tie_margin(self, exact: float) -> float:
        """How close the best two lie that are computed again alone: `exact` in fp32."""
        return max(exact, BF16_TIE_MARGIN) if self.in_bf16 else exact

    @cached_property
    def bf16_copy(self) -> Any:
        """The model with all weights in bf16, over which adapters are trained. It is made on first use."""
        return self.model if self.in_bf16 else bf16_copy_of(self.model)

    @cached_property
    def screening_copy(self) -> Any:
        """The model for the screening pass over labels, made on first use."""
        return screening_copy_of(self.model)

    def forget_screening_copy(self) -> None:
        """Gives the memory of `screening_copy` back."""
        self.__dict__.pop("screening_copy", None)

    @contextmanager
    def without(self, weights: Collection[str], folder: Path) -> Iterator[None]:
        """Frees these weights of the model, which have no values meanwhile, and loads them from `folder` at the end.

        On a CPU all weights are views of one file, whose memory is only freed as a whole. So the weights that stay get
        memory of their own meanwhile.
        """
        for name in ("bf16_copy", "screening_copy"):
            self.__dict__.pop(name, None)
        for name, weight in self.model.named_parameters():
            weight.data = weight.new_zeros(()).expand_as(weight) if name in weights else weight.data.clone()
        try:
            yield
        finally:
            own = dict(self.model.named_parameters())
            for name, weight in load(folder, str(self.device), split=self.split).model.named_parameters():
                own[name].data = weight.data


def bf16_copy_of(model: nn.Module) -> Any:
    """A copy whose weights are bf16. Buffers stay fp32: rotary frequencies in bf16 would blur far positions."""
    return copied(model, lambda weight: weight.to(torch.bfloat16))


def screening_copy_of(model: Any) -> Any:
    """A copy whose linear layers, but for the head, multiply in bf16. All else is in fp32 and shares its weights."""
    made, head = shared(model), model.get_output_embeddings()
    for module in made.modules():
        if isinstance(module, nn.Linear) and module.weight is not head.weight:
            module.weight = _frozen(module.weight.to(torch.bfloat16))
            module.__class__ = Bf16Linear
    return made


def shared(model: nn.Module) -> Any:
    """The same modules anew around the same weights, so that adapters can be put around its layers."""
    return copied(model, lambda weight: weight)


def adaptable(model: Any, weight_of: Callable[[Tensor], Tensor] = torch.clone) -> Any:
    """A copy whose linear layers, but for the head, have weights of their own, to which adapters can be added."""
    head = model.get_output_embeddings()
    layers = [module for module in model.modules() if isinstance(module, nn.Linear) and module is not head]
    own = {layer.weight.data_ptr() for layer in layers}
    return copied(model, lambda weight: weight_of(weight) if weight.data_ptr() in own else weight)


def copied(model: nn.Module, weight: Callable[[Tensor], Tensor]) -> Any:
    """A copy of the modules and buffers around what `weight` makes of each parameter."""
    return copy.deepcopy(model, {id(one): _frozen(weight(one.detach())) for one in model.parameters()})


def _frozen(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=False)


def load(folder: Path, device: str = "cpu", *, split: bool = True) -> Base:
    """Loads a base model, from safetensors only, with the library's own attention where `split` is false.

    Its weights stay in bf16 where its configuration says so. Raises `FileNotFoundError` that says how to fetch it.
    """
    if not weight_files(folder):
        raise FileNotFoundError(f"model {folder.name} is missing: run `python -m workers.engine.fetch`")
    attention.register()
    stored = getattr(AutoConfig.from_pretrained(folder, local_files_only=True), "dtype", None)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.bfloat16 if stored == torch.bfloat16 else torch.float32,
        attn_implementation=attention.NAME if split else None,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
        device_map=None if device == "cpu" else {"": device},  # to a GPU the weights go one by one
    )
    model.eval().requires_grad_(False)
    digest = folder / "digest.txt"
    return Base(
        name=folder.name,
        model=model,
        tokenizer=Tokenizer.from_file(str(folder / "tokenizer.json")),
        eos=listed(model.config.eos_token_id)[0],
        ends=frozenset(listed(model.config.eos_token_id) + listed(model.generation_config.eos_token_id)),
        context=next((size for name in SIZES if (size := getattr(model.config, name, None))), UNBOUNDED),
        digest=digest.read_text().strip() if digest.is_file() else "",
        split=split,
    )
