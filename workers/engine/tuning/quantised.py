"""A base model in 4 bits (NF4: Dettmers et al. 2023, arXiv 2305.14314), by bitsandbytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from graders.base import Rejected
from workers.engine import models
from workers.engine.models import Base

MARK = "quantisation.json"
"""Beside an adapter that was trained over a base in 4 bits: the arguments of transformers' `BitsAndBytesConfig`."""
SETTINGS = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "float32"}


_kept: WeakKeyDictionary[Any, dict[str, tuple[Tensor, Any]]] = WeakKeyDictionary()


def quantised_weights(model: Any) -> dict[str, tuple[Tensor, Any]]:
    """The weights of the linear layers in 4 bits, by the layer's name, without the vocabulary head.

    They are made once for each model, because it takes seconds.
    """
    pack = library().functional.quantize_4bit
    if model not in _kept:
        _kept[model] = {
            name: pack(layer.weight.detach().contiguous(), quant_type="nf4") for name, layer in _linear(model)
        }
    return _kept[model]


@contextmanager
def only_4_bit_weights(base: Base, folder: Path) -> Iterator[None]:
    """Frees the weights that also exist in 4 bits, and loads them again from `folder` when the context ends."""
    with base.without({f"{name}.weight" for name in quantised_weights(base.model)}, folder):
        yield


def quantised_model(model: Any, *, bf16: bool) -> Any:
    """A copy of the model whose linear layers, but for the head, hold 4 bits for each weight.

    They multiply in fp32 or, with `bf16`, in bf16.
    """
    bnb, weights, made = library(), quantised_weights(model), models.shared(model)
    for name, layer in _linear(made):
        weight, state = weights[name]
        sizes, dtype = (layer.in_features, layer.out_features, False), torch.bfloat16 if bf16 else torch.float32
        new = bnb.nn.Linear4bit(*sizes, compute_dtype=dtype, quant_type="nf4", device="meta")
        new.weight = bnb.nn.Params4bit(weight, quant_state=state, quant_type="nf4", module=new, bnb_quantized=True)
        new.bias, new.quant_state = layer.bias, state
        # In training mode it never packs its weights anew for answers, through which nothing could be learned.
        made.set_submodule(name, new.train())
    # PEFT looks for this where it chooses its own layers.
    made.is_loaded_in_4bit = True
    return made


def _linear(model: Any) -> list[tuple[str, nn.Linear]]:
    head = model.get_output_embeddings()
    return [(name, one) for name, one in model.named_modules() if isinstance(one, nn.Linear) and one is not head]


def dequantised_model(model: Any) -> Any:
    """A copy of the model whose linear layers hold in fp32 what the weights in 4 bits stand for."""
    bnb, weights = library(), quantised_weights(model)
    names = {layer.weight.data_ptr(): name for name, layer in _linear(model)}
    return models.adaptable(model, lambda weight: bnb.functional.dequantize_4bit(*weights[names[weight.data_ptr()]]))


def mark(folder: Path) -> None:
    """Says in the adapter's folder that it belongs to a base in 4 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text(json.dumps(SETTINGS, indent=2) + "\n")


def library() -> Any:
    """Raises `Rejected` where bitsandbytes is missing or refuses this platform."""
    try:
        import bitsandbytes
    except (ImportError, RuntimeError, OSError) as error:
        raise Rejected("method_unavailable", "bitsandbytes cannot be used on this machine") from error
    return bitsandbytes
