"""The training methods of the kind `tune`: what each is called, which settings it has, and where those start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from challenges.translation import gettext_noop

Method = Literal["lora", "qlora", "full", "dpo"]
LORA: Method = "lora"
DPO: Method = "dpo"

ADAPTER = ("r", "lora_alpha")
COMMON = ("learning_rate", "num_train_epochs", "per_device_train_batch_size")
PREFERENCE = ("beta", "rpo_alpha")
INTERVALS = ("learning_rate", "num_train_epochs", *PREFERENCE)
"""Settings of which a challenge allows an interval. Of the others it lists the values."""


@dataclass(frozen=True)
class TrainingMethod:
    """`settings` are the hyperparameters that the method uses, by PEFT's, transformers' and TRL's names.

    `starts` are its own defaults where they differ from those of LoRA, and `ranges` is what may be chosen where the
    author says nothing else. `compares` says that it learns from preferences. `cost` is about how long a training token
    takes, LoRA's being 1.
    """

    title: str
    settings: tuple[str, ...]
    starts: Mapping[str, float] = field(default_factory=dict)
    ranges: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    compares: bool = False
    cost: float = 1.0


METHODS: dict[str, TrainingMethod] = {
    "lora": TrainingMethod(gettext_noop("LoRA"), (*ADAPTER, *COMMON)),
    "qlora": TrainingMethod(gettext_noop("QLoRA"), (*ADAPTER, *COMMON), cost=2.0),
    "full": TrainingMethod(
        gettext_noop("Full fine-tuning"),
        COMMON,
        starts={"learning_rate": 5e-5},
        ranges={"learning_rate": (1.0e-6, 5.0e-4)},
        cost=1.5,
    ),
    "dpo": TrainingMethod(
        gettext_noop("DPO"),
        (*ADAPTER, *COMMON, *PREFERENCE),
        starts={"learning_rate": 2e-4, "per_device_train_batch_size": 4, "beta": 0.1, "rpo_alpha": 0.0},
        ranges={"learning_rate": (1.0e-5, 1.0e-3), "beta": (0.01, 1.0), "rpo_alpha": (0.0, 2.0)},
        compares=True,
        cost=1.3,
    ),
}

NOT_INSTALLED = gettext_noop("The package bitsandbytes is not installed where models are trained.")
NOT_SUPPORTED = gettext_noop("The package bitsandbytes does not support this machine (%(system)s, %(device)s).")
LARGE_CHECKPOINT = gettext_noop("Its checkpoint would have %(size)s; %(most)s are allowed.")
LITTLE_DISK = gettext_noop("Its checkpoint needs %(size)s of disk space, and %(room)s are free.")
LITTLE_MEMORY = gettext_noop("It needs %(size)s of memory, and %(room)s can be used.")
LACKS = (NOT_INSTALLED, NOT_SUPPORTED, LARGE_CHECKPOINT, LITTLE_DISK, LITTLE_MEMORY)
"""Why a machine cannot carry out a method. Workers store these sentences in English."""
