"""Whole models that were trained: one file of weights in bf16, as transformers reads it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from workers.engine import models
from workers.engine.models import Base

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"


def trainable(base: Base) -> Any:
    """A copy of every weight in fp32, to be trained."""
    return models.copied(base.model, lambda weight: weight.to(torch.float32, copy=True)).requires_grad_(True)


def save(base: Base, model: Any, folder: Path) -> int:
    """Writes weights, configuration and tokenizer into `folder`, over earlier ones; returns the weights' bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: weight.detach().to(torch.bfloat16) for name, weight in model.named_parameters()}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    config = copy.deepcopy(model.config)
    config.dtype = torch.bfloat16
    config.save_pretrained(folder)
    base.tokenizer.save(str(folder / TOKENIZER))
    return (folder / WEIGHTS).stat().st_size


def load(base: Base, folder: Path) -> Any:
    """The base model with these weights in the place of its own.

    Raises `ValueError` or `RuntimeError` where the weights are not those of a model like the base.
    """
    weights, model = load_file(folder / WEIGHTS), models.copied(base.model, torch.clone)
    if weights.keys() != dict(model.named_parameters()).keys():
        raise ValueError("the checkpoint's weights do not fit the model")
    model.load_state_dict(weights, strict=False)
    return model
