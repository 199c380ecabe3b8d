"""Trains with TRL step by step as we do: with the same rows and learning rate in each, from the same first adapter.

`lora`, `qlora` and `full` by SFTTrainer, `dpo` by DPOTrainer. Each step trains on all rows, so that order makes no
difference, and tells its loss before the weights change.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from benchmarks.peers.job import MethodJob, finish


@dataclass(frozen=True)
class Course:
    """The losses of the steps and, for `dpo`, the rewards' margins."""

    losses: list[float]
    margins: list[float]
    version: str


def run(file: Path) -> Course:
    job = MethodJob(**json.loads(file.read_text()))
    torch.set_num_threads(job.threads)
    model = _model(job)
    optimiser = torch.optim.AdamW(
        [weight for weight in model.parameters() if weight.requires_grad], lr=job.rate, weight_decay=0.0
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, job.steps))
    make = trl.DPOTrainer if job.method == "dpo" else trl.SFTTrainer
    trainer = make(
        model=model,
        args=_config(job),
        train_dataset=Dataset.from_list(_rows(job)),
        processing_class=AutoTokenizer.from_pretrained(job.checkpoint),
        optimizers=(optimiser, schedule),
    )
    trainer.train()
    told = [line for line in trainer.state.log_history if "loss" in line]
    margins = [line["rewards/margins"] for line in told if "rewards/margins" in line]
    return Course([line["loss"] for line in told], margins, trl.__version__)


def _rate(step: int, steps: int) -> float:
    """Ours: linear warm-up over a twentieth, then cosine to zero."""
    warmup = max(1, round(0.05 * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _model(job: MethodJob) -> Any:
    more: dict[str, Any] = {}
    if job.method == "qlora":
        kept = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32)
        more = {"quantization_config": kept, "device_map": {"": "cpu"}}
    model: Any = AutoModelForCausalLM.from_pretrained(job.checkpoint, dtype=torch.float32, **more)
    if job.method == "full":
        return model
    torch.manual_seed(job.seed)
    config = LoraConfig(
        r=job.r, lora_alpha=job.alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    return get_peft_model(model.requires_grad_(False), config)


def _rows(job: MethodJob) -> list[dict[str, str]]:
    names = ("prompt", "chosen", "rejected") if job.method == "dpo" else ("prompt", "completion")
    return [dict(zip(names, row, strict=True)) for row in job.rows]


def _config(job: MethodJob) -> Any:
    given: dict[str, Any] = {
        "output_dir": f"{job.out}-trainer",
        "use_cpu": True,
        "bf16": False,
        "num_train_epochs": job.steps,
        "per_device_train_batch_size": len(job.rows),
        "max_grad_norm": 1.0,
        "seed": job.seed,
        "report_to": [],
        "disable_tqdm": True,
        "gradient_checkpointing": False,
        "save_strategy": "no",
        "logging_steps": 1,
    }
    if job.method == "dpo":
        # The weight of the chosen answers' loss, which earlier versions called `rpo_alpha`.
        kinds = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, job.rpo_alpha]}
        return trl.DPOConfig(**given, beta=job.beta, **kinds)
    return trl.SFTConfig(**given, completion_only_loss=True)


if __name__ == "__main__":
    finish(run)
