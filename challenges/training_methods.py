"""The training methods of the kind `tune`: what each is called, which settings it has, and where those start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

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
    "lora": TrainingMethod("LoRA", (*ADAPTER, *COMMON)),
    "qlora": TrainingMethod("QLoRA", (*ADAPTER, *COMMON), cost=2.0),
    "full": TrainingMethod(
        "Full fine-tuning",
        COMMON,
        starts={"learning_rate": 5e-5},
        ranges={"learning_rate": (1.0e-6, 5.0e-4)},
        cost=1.5,
    ),
    "dpo": TrainingMethod(
        "DPO",
        (*ADAPTER, *COMMON, *PREFERENCE),
        starts={"learning_rate": 2e-4, "per_device_train_batch_size": 4, "beta": 0.1, "rpo_alpha": 0.0},
        ranges={"learning_rate": (1.0e-5, 1.0e-3), "beta": (0.01, 1.0), "rpo_alpha": (0.0, 2.0)},
        compares=True,
        cost=1.3,
    ),
}


def listed(names: tuple[str, ...]) -> str:
    """The names as people write a choice, such as "lora, full or dpo"."""
    return " or ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)
