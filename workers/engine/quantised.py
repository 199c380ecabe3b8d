"""A base model in 4 bits (NF4: Dettmers et al. 2023, arXiv 2305.14314), by bitsandbytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graders.base import Rejected
from workers.engine import models

MARK = "quantisation.json"
"""Beside an adapter that was trained over a base in 4 bits: the arguments of transformers' `BitsAndBytesConfig`."""
SETTINGS = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4", "bnb_4bit_compute_dtype": "float32"}


def layers(model: Any, *, low: bool) -> Any:
    """The model's modules anew, whose linear layers, but for the head, hold 4 bits for each weight.

    They multiply in fp32 or, with `low`, in bf16.
    """
    made = models.shared(model)
    head = made.get_output_embeddings()
    found = [(name, one) for name, one in made.named_modules() if isinstance(one, nn.Linear) and one is not head]
    for name, layer in found:
        made.set_submodule(name, _layer(layer, torch.bfloat16 if low else torch.float32))
    # PEFT looks for this where it chooses its own layers.
    made.is_loaded_in_4bit = True
    return made


def _layer(layer: nn.Linear, dtype: torch.dtype) -> Any:
    bnb = library()
    sizes = (layer.in_features, layer.out_features, layer.bias is not None)
    made = bnb.nn.Linear4bit(*sizes, compute_dtype=dtype, compress_statistics=False, quant_type="nf4", device="meta")
    made.weight = bnb.nn.Params4bit(
        layer.weight.detach(), requires_grad=False, compress_statistics=False, quant_type="nf4"
    )
    made.bias = layer.bias
    # Quantises. In training mode the layer never packs its weights anew for answers, through which nothing is learned.
    return made.to(layer.weight.device).train()


def rounded(weight: Tensor) -> Tensor:
    """A linear layer's weight as it comes back from 4 bits."""
    bnb = library()
    packed, state = bnb.functional.quantize_4bit(weight.contiguous(), quant_type="nf4")
    found: Tensor = bnb.functional.dequantize_4bit(packed, state).to(weight.dtype)
    return found


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
