"""Base models on disk and in memory. A folder holds plain safetensors in fp32, so every start is a fast one."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from workers.engine import attention, beginnings, fused
from workers.engine.head import QuickHead
from workers.engine.linear import RoundedLinear, pack, plain, use_onednn

SIZES = ("max_position_embeddings", "max_seq_len", "seq_length")
"""What configurations call a model's context."""
UNBOUNDED = 2048
"""Tokens of context of a model that states none, as those that know positions by distance alone."""


@dataclass(frozen=True)
class Base:
    """A base model that is held in memory. Its weights are never written to.

    `model` is a transformers causal LM in fp32 and eval mode; `context` is in tokens; `digest` is that of the file.
    Texts end at any of the tokens `ends`; `eos` is the one that training rows end with.
    Where `split` is false the model's code does not fit split attention, and rows are computed one by one.
    """

    name: str
    model: Any
    tokenizer: Tokenizer
    eos: int
    ends: frozenset[int]
    context: int
    digest: str
    split: bool = True

    @property
    def device(self) -> torch.device:
        device: torch.device = self.model.device
        return device

    @cached_property
    def half(self) -> Any:
        """The same model in bf16, made on first use."""
        return low_precision(self.model)

    @cached_property
    def rounded(self) -> Any:
        """The same model for a first look at labels, made on first use."""
        return rounded(self.model)

    @cached_property
    def quick_head(self) -> QuickHead | None:
        """For texts, made on first use; also for those of adapted copies, whose head is the same."""
        return QuickHead.of(self.model.get_output_embeddings())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text. Special tokens in a text are read as such; none is added."""
        return beginnings.encode(self.tokenizer, texts)

    def encode_after(self, beginning: str, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each `beginning + text`, as `encode` gives them, sooner."""
        return beginnings.encode_after(self.tokenizer, beginning, texts)

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text


def low_precision(model: nn.Module) -> Any:
    """A copy whose weights are bf16. Buffers stay fp32: rotary frequencies in bf16 would blur far positions."""
    return copied(model, lambda weight: _frozen(plain(weight).to(torch.bfloat16)))


def rounded(model: Any) -> Any:
    """A copy for quick answers: bf16 on a GPU; on a CPU bf16 products alone, around which all stays fp32.

    What is added up over the layers then keeps its digits, which costs little: differences between two labels are off
    by less than half of what they are off in bf16. Weights that are not rounded are shared.
    """
    if model.device.type != "cpu":
        return low_precision(model)
    made = copied(model, lambda weight: weight)
    for module in made.modules():
        if isinstance(module, nn.Linear) and module is not made.get_output_embeddings():
            module.weight = _frozen(plain(module.weight).to(torch.bfloat16))
            module.__class__ = RoundedLinear
    pack(made, made.get_output_embeddings())
    return made


def shared(model: nn.Module) -> Any:
    """The same modules anew around the same weights, so that adapters can be put around its layers.

    Packed weights know no gradient: their numbers are laid out plainly once more.
    """
    return copied(model, lambda weight: _frozen(plain(weight)) if weight.is_mkldnn else weight)


def hollow(model: nn.Module) -> Any:
    """The same modules anew around weights that have their shape, one number and no use but to put adapters around."""
    return copied(model, lambda weight: _frozen(torch.zeros(()).expand(weight.shape)))


def own(model: nn.Module) -> Any:
    """A copy whose weights are its own and laid out plainly."""
    return copied(model, lambda weight: _frozen(weight.to_dense() if weight.is_mkldnn else weight.clone()))


def copied(model: nn.Module, weight: Callable[[nn.Parameter], nn.Parameter]) -> Any:
    """A copy of the modules and buffers around what `weight` makes of each parameter."""
    return copy.deepcopy(model, {id(parameter): weight(parameter) for parameter in model.parameters()})


def ready(model: Any) -> Any:
    """The same model for quick answers, its weights not to be written to any more."""
    if model.device.type == "cpu":
        pack(model, model.get_output_embeddings())
    return model


def _frozen(weight: Tensor) -> nn.Parameter:
    return nn.Parameter(weight.detach(), requires_grad=False)


def load(folder: Path, device: str = "cpu", *, split: bool = True) -> Base:
    """Loads a base model, from safetensors only, with the library's own attention where `split` is false.

    Raises `FileNotFoundError` that says how to fetch it.
    """
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(f"model {folder.name} is missing: run `python -m workers.engine.fetch`")
    attention.register()
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation=attention.NAME if split else None,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    model.eval().requires_grad_(False).to(device)
    if model.device.type == "cpu":
        use_onednn(model)
        if split:
            fused.use(model)
        ready(model)
    digest = folder / "digest.txt"
    return Base(
        name=folder.name,
        model=model,
        tokenizer=Tokenizer.from_file(str(folder / "tokenizer.json")),
        eos=_listed(model.config.eos_token_id)[0],
        ends=frozenset(_listed(model.config.eos_token_id) + _listed(model.generation_config.eos_token_id)),
        context=next((size for name in SIZES if (size := getattr(model.config, name, None))), UNBOUNDED),
        digest=digest.read_text().strip() if digest.is_file() else "",
        split=split,
    )


def _listed(value: int | list[int] | None) -> list[int]:
    return value if isinstance(value, list) else [] if value is None else [value]
