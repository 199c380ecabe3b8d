"""Trains again what the site has trained, on the same preferences in the same order, by TRL: `python train.py [OUT]`.

OUT gets the adapter, `again` if no other folder is named. Each step's loss and margin are printed. Needs what base.py
needs, peft, and trl (tried with 1.16).
"""

from __future__ import annotations

import json
import math
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import base
import torch
from datasets import Dataset
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback
from trl import DPOConfig, DPOTrainer

SETTINGS: dict[str, Any] = {}

HERE = Path(__file__).resolve().parent


def batches(lengths: list[int]) -> Iterator[list[int]]:
    """Numbers of rows of similar length together, in random order, which changes from epoch to epoch."""
    chance, size = random.Random(SETTINGS["seed"]), SETTINGS["per_device_train_batch_size"]
    for _ in range(SETTINGS["num_train_epochs"]):
        shuffled = sorted(chance.sample(range(len(lengths)), len(lengths)), key=lengths.__getitem__)
        cut = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
        yield from chance.sample(cut, len(cut))


class Trainer(DPOTrainer):  # type: ignore[misc]
    """Takes the batches of all epochs in the order of the site."""

    order: list[list[int]]

    def get_train_dataloader(self) -> Any:
        return DataLoader(self.train_dataset, batch_sampler=self.order, collate_fn=self.data_collator)


class Told(TrainerCallback):
    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        logs = kwargs["logs"]
        if "loss" in logs:
            loss, margin = float(logs["loss"]), float(logs["rewards/margins"])
            print(f"step {state.global_step} of {state.max_steps}: loss {loss:.6f}, margin {margin:.6f}", flush=True)


def rate(step: int, steps: int) -> float:
    """Share of the learning rate: linear warm-up, then cosine to zero."""
    warmup = max(1, round(0.05 * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def adapted() -> Any:
    """The frozen base model with an adapter whose first weights depend on the seed."""
    config = LoraConfig(
        r=SETTINGS["r"],
        lora_alpha=SETTINGS["lora_alpha"],
        target_modules=SETTINGS["target_modules"],
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    model = base.model()
    torch.manual_seed(SETTINGS["seed"])
    return get_peft_model(model, config)


def wrapped(tokenizer: Tokenizer, model: Any) -> Any:
    """The tokenizer as TRL takes it. A completion ends with the model's first end-of-text token."""
    end = model.config.eos_token_id
    token = tokenizer.id_to_token(end[0] if isinstance(end, list) else end)
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=tokenizer, eos_token=token, pad_token=token)


def length(tokenizer: Tokenizer, row: dict[str, str]) -> int:
    texts = [row["prompt"] + row["chosen"], row["prompt"] + row["rejected"]]
    return sum(len(one.ids) + 1 for one in tokenizer.encode_batch(texts, add_special_tokens=False))


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "again"
    model = adapted()
    tokenizer = Tokenizer.from_file(str(base.folder() / "tokenizer.json"))
    rows = [json.loads(line) for line in (HERE / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    order = list(batches([length(tokenizer, row) for row in rows]))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=SETTINGS["learning_rate"], weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, len(order)))
    config = DPOConfig(
        output_dir=str(out),
        beta=SETTINGS["beta"],
        # RPO: the loss of the chosen answers, with its weight, beside that of DPO.
        loss_type=["sigmoid", "sft"],
        loss_weights=[1.0, SETTINGS["rpo_alpha"]],
        num_train_epochs=1,
        max_grad_norm=1.0,
        gradient_checkpointing=False,
        use_cpu=True,
        bf16=False,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        seed=SETTINGS["seed"],
    )
    trainer = Trainer(
        model=model,
        args=config,
        train_dataset=Dataset.from_list(rows),
        processing_class=wrapped(tokenizer, model),
        optimizers=(optimiser, schedule),
        callbacks=[Told()],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.order = order
    trainer.train()
    model.save_pretrained(out)


if __name__ == "__main__":
    main()
