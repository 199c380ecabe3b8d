"""Who makes the steps of a training run: our own loop, or TRL. Imports no torch."""

from __future__ import annotations

import os
from importlib.util import find_spec

from challenges.models.catalogue import MODELS

METHODS = ("lora", "full")
"""Of which the steps are the same: TRL trains adapters over 4 bits in bf16, and computes DPO's reference otherwise."""


def is_installed() -> bool:
    """Whether TRL and the package of its data sets are installed beside the worker."""
    return find_spec("trl") is not None and find_spec("datasets") is not None


def may_be_trl(device: str) -> bool:
    """Whether TRL is installed and trains some base models on this device, as `GRADUS_TRAINER` says; else on a GPU."""
    given = os.environ.get("GRADUS_TRAINER", "").strip() or "auto"
    return is_installed() and (given == "trl" or (given == "auto" and device != "cpu"))


def by_trl(method: str, model: str, device: str) -> bool:
    """Whether TRL makes the steps: over every base model where it is set, else over all but the built-in one."""
    is_built_in = model in MODELS and MODELS[model].wheel is not None
    is_set = os.environ.get("GRADUS_TRAINER", "").strip() == "trl"
    return method in METHODS and may_be_trl(device) and (is_set or not is_built_in)
