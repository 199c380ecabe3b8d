"""Adapters in PEFT's format: `adapter_config.json` and `adapter_model.safetensors`, weights in bf16.

The `LoraConfig` is always built here, from enumerated values: a configuration that somebody else wrote may hold
regular expressions, model names or code paths (peft#3085), and weights are read from safetensors only.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from challenges.models.catalogue import MODELS
from workers.engine.models import Base, adaptable, shared
from workers.engine.tuning import quantised

RANKS = (4, 8, 16, 32)
TARGETS = "all-linear"
WEIGHTS = "adapter_model.safetensors"
CONFIG = "adapter_config.json"


def wrap(model: Any, r: int, alpha: int, target_modules: str = TARGETS) -> Any:
    """A PEFT model with a fresh adapter on all linear layers. Raises `ValueError` for values off the list."""
    if r not in RANKS or not 1 <= alpha <= 64 or target_modules != TARGETS:
        raise ValueError(f"no adapter with r={r!r}, lora_alpha={alpha!r}, target_modules={target_modules!r}")
    config = LoraConfig(r=r, lora_alpha=alpha, target_modules=TARGETS, lora_dropout=0.0, task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def save(model: Any, folder: Path, name: str) -> int:
    """Writes both files into `folder`, over earlier ones; returns the size of the weights in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {key: value.to(torch.bfloat16).contiguous() for key, value in get_peft_model_state_dict(model).items()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    config = copy.copy(model.peft_config["default"])
    config.base_model_name_or_path = (MODELS[name].hub if name in MODELS else None) or name
    config.inference_mode = True
    config.save_pretrained(folder)
    return (folder / WEIGHTS).stat().st_size


def merged(base: Base, folder: Path) -> Any:
    """A copy of the base model with the adapter added to its weights; the base stays as it is.

    In bf16, whose steps are coarser than what an adapter adds, the adapter stays beside weights that the base shares.
    An adapter that was trained over the base in 4 bits is added to what these stand for.
    Raises `ValueError` where the folder holds something else than an adapter of ours for this model.
    """
    r, alpha = _read_config(folder)
    is_quantised = (folder / quantised.MARK).is_file()
    copied = quantised.dequantised_model if is_quantised else shared if base.in_bf16 else adaptable
    model = wrap(copied(base.model), r, alpha)
    weights = {key: value.float() for key, value in load_file(folder / WEIGHTS).items()}
    if weights.keys() != get_peft_model_state_dict(model).keys():
        raise ValueError("the adapter's weights do not fit the model")
    set_peft_model_state_dict(model, weights)
    if base.in_bf16:
        return model.get_base_model().eval().requires_grad_(False)
    return model.merge_and_unload().eval().requires_grad_(False)


def _read_config(folder: Path) -> tuple[int, int]:
    """Rank and alpha; all else in the file is ours to choose, or must be off."""
    config = json.loads((folder / CONFIG).read_text())
    if config.get("peft_type") != "LORA" or config.get("use_dora") or config.get("use_rslora"):
        raise ValueError("only plain LoRA adapters are loaded")
    r, alpha = config.get("r"), config.get("lora_alpha")
    if not (isinstance(r, int) and isinstance(alpha, int)):
        raise ValueError("r and lora_alpha must be whole numbers")
    return r, alpha
