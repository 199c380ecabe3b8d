"""Trains again what the site has trained, on the same rows in the same order: `python train.py [OUT]`.

OUT gets the result, `again` if no other folder is named. Each step's loss is printed. Needs what base.py needs, and
peft for an adapter.
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
from tokenizers import Tokenizer

SETTINGS: dict[str, Any] = {}

HERE = Path(__file__).resolve().parent
Example = tuple[list[int], int]


def trainable() -> Any:
    """The model, all of whose weights are trained, or with an adapter whose first weights depend on the seed."""
    model = base.model().train()
    if SETTINGS["method"] == "full":
        return model.requires_grad_(True)
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=SETTINGS["r"],
        lora_alpha=SETTINGS["lora_alpha"],
        target_modules=SETTINGS["target_modules"],
        lora_dropout=0.0,
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(SETTINGS["seed"])
    return get_peft_model(model, config)


def example(tokenizer: Tokenizer, end: int, row: dict[str, str]) -> Example:
    """All tokens of a row, and where its completion begins."""
    texts = [row["prompt"], row["prompt"] + row["completion"]]
    prompt, whole = (one.ids for one in tokenizer.encode_batch(texts, add_special_tokens=False))
    pairs = zip(prompt, whole, strict=False)
    start = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(prompt), len(whole)))
    return (whole if whole[-1:] == [end] else [*whole, end]), max(1, start)


def batches(rows: list[Example]) -> Iterator[list[Example]]:
    """Rows of similar length together, in random order, which changes from epoch to epoch."""
    chance, size = random.Random(SETTINGS["seed"]), SETTINGS["per_device_train_batch_size"]
    for _ in range(SETTINGS["num_train_epochs"]):
        shuffled = sorted(chance.sample(rows, len(rows)), key=lambda row: len(row[0]))
        cut = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
        yield from chance.sample(cut, len(cut))


def rate(step: int, steps: int) -> float:
    """Share of the learning rate: linear warm-up, then cosine to zero."""
    warmup = max(1, round(0.05 * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def loss_of(model: Any, tokens: list[int], start: int) -> torch.Tensor:
    """The sum over the completion's tokens, in nats."""
    logits = model(input_ids=torch.tensor([tokens])).logits[0, start - 1 : -1].float()
    return torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[start:]), reduction="sum")


def train(model: Any, rows: list[Example]) -> None:
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=SETTINGS["learning_rate"], weight_decay=0.0)
    steps = math.ceil(len(rows) / SETTINGS["per_device_train_batch_size"]) * SETTINGS["num_train_epochs"]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps))
    for step, batch in enumerate(batches(rows), 1):
        optimiser.zero_grad()
        count, total = sum(len(tokens) - start for tokens, start in batch), 0.0
        for tokens, start in batch:
            part = loss_of(model, tokens, start) / count
            torch.autograd.backward(part)
            total += part.item()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        schedule.step()
        print(f"step {step} of {steps}: loss {total:.6f}", flush=True)


def main() -> None:
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "again"
    model = trainable()
    tokenizer = Tokenizer.from_file(str(base.folder() / "tokenizer.json"))
    end = model.config.eos_token_id
    end = end[0] if isinstance(end, list) else end
    lines = (HERE / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    train(model, [example(tokenizer, end, json.loads(line)) for line in lines])
    if SETTINGS["method"] == "full":
        model.to(torch.bfloat16)
    model.save_pretrained(out)


if __name__ == "__main__":
    main()
