"""TRL's SFTTrainer with PEFT: as it comes (`tuned` off), or set up as somebody who knows it would.

Both get the same rows, epochs, learning rate, batch size, rank and target modules. `tuned`: the base in the dtype that
is faster, no gradient checkpointing, loss on the completion, batches of rows of one length, no evaluation, saving or
logging.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import trl
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback

from benchmarks.peers.job import BFLOAT16, TrainJob, finish


@dataclass(frozen=True)
class Trained:
    """`seconds` from the first step's beginning to the last one's end; `dtype` is that of the frozen base."""

    seconds: float
    steps: int
    version: str
    dtype: str
    note: str


class Clock(TrainerCallback):  # type: ignore[misc]
    """Leaves out what a trainer does before its first step."""

    def __init__(self) -> None:
        self.started = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.started = self.started or time.perf_counter()

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ended = time.perf_counter()


def run(file: Path) -> Trained:
    job = TrainJob(**json.loads(file.read_text()))
    torch.set_num_threads(job.threads)
    clock = Clock()
    trainer = trl.SFTTrainer(
        model=_model(job),
        args=_config(job),
        train_dataset=Dataset.from_list([{"prompt": prompt, "completion": text} for prompt, text in job.rows]),
        processing_class=AutoTokenizer.from_pretrained(job.checkpoint),
        peft_config=LoraConfig(
            r=job.r, lora_alpha=job.alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
        callbacks=[clock],
    )
    trainer.train()
    trainer.save_model(job.out)
    dtype = str(next(p for p in trainer.model.parameters() if not p.requires_grad).dtype).removeprefix("torch.")
    note = f"{dtype} base, no gradient checkpointing, rows of one length together" if job.tuned else "defaults"
    return Trained(clock.ended - clock.started, trainer.state.global_step, trl.__version__, dtype, note)


def _model(job: TrainJob) -> Any:
    """By default TRL takes the checkpoint's own dtype."""
    if not job.tuned:
        return job.checkpoint
    model: Any = AutoModelForCausalLM.from_pretrained(job.checkpoint, dtype=getattr(torch, job.dtype))
    return model


def _config(job: TrainJob) -> Any:
    given: dict[str, Any] = {
        "output_dir": f"{job.out}-trainer",
        "use_cpu": job.device == "cpu",
        "learning_rate": job.rate,
        "num_train_epochs": job.epochs,
        "per_device_train_batch_size": job.batch,
        "max_steps": job.max_steps,
        "seed": job.seed,
        "report_to": [],
        "disable_tqdm": True,
    }
    if job.tuned:
        given |= {
            "gradient_checkpointing": False,
            "bf16": job.dtype == BFLOAT16,
            "completion_only_loss": True,
            "lr_scheduler_type": "cosine",
            "warmup_steps": 0.05,
            "save_strategy": "no",
            "logging_strategy": "no",
            "train_sampling_strategy": "group_by_length",
        }
    return trl.SFTConfig(**given)


if __name__ == "__main__":
    finish(run)
