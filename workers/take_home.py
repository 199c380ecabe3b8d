"""`train.py` and `rows.jsonl`: one training run by LoRA again, in plain PEFT, for whoever takes the adapter home."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from challenges.kinds.tune import TunePayload, tune
from challenges.spec import Challenge
from challenges.training_methods import LORA
from graders.tune import training_rows

SCRIPT = '''"""Trains the adapter again: python train.py BASE [OUT]

BASE is the folder of the base model, with tokenizer.json; OUT gets the adapter. Needs torch, transformers and peft.
"""

import json
import math
import random
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

SETTINGS = {settings}

base, out = Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "adapter")
lines = Path(__file__).with_name("rows.jsonl").read_text(encoding="utf-8").splitlines()
tokenizer = Tokenizer.from_file(str(base / "tokenizer.json"))
model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval().requires_grad_(False)
end = model.config.eos_token_id
end = end[0] if isinstance(end, list) else end


def ids(text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def example(row):
    """All tokens of a row, and where its completion begins."""
    prompt, whole = ids(row["prompt"]), ids(row["prompt"] + row["completion"])
    pairs = zip(prompt, whole)
    start = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(prompt), len(whole)))
    return (whole if whole[-1:] == [end] else [*whole, end]), max(1, start)


def batches(rows):
    """Rows of similar length together, in random order, which changes from epoch to epoch."""
    chance, size = random.Random(SETTINGS["seed"]), SETTINGS["per_device_train_batch_size"]
    for _ in range(SETTINGS["num_train_epochs"]):
        shuffled = sorted(chance.sample(rows, len(rows)), key=lambda row: len(row[0]))
        cut = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
        yield from chance.sample(cut, len(cut))


def rate(step, steps):
    """Share of the learning rate: linear warm-up, then cosine to zero."""
    warmup = max(1, round(0.05 * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def loss_of(tokens, start):
    """The sum over the completion's tokens, in nats."""
    logits = model(input_ids=torch.tensor([tokens])).logits[0, start - 1 : -1].float()
    return torch.nn.functional.cross_entropy(logits, torch.tensor(tokens[start:]), reduction="sum")


torch.manual_seed(SETTINGS["seed"])
config = LoraConfig(
    r=SETTINGS["r"],
    lora_alpha=SETTINGS["lora_alpha"],
    target_modules=SETTINGS["target_modules"],
    lora_dropout=0.0,
    task_type="CAUSAL_LM",
)
model = get_peft_model(model, config)
rows = [example(json.loads(line)) for line in lines]
steps = math.ceil(len(rows) / SETTINGS["per_device_train_batch_size"]) * SETTINGS["num_train_epochs"]
weights = [weight for weight in model.parameters() if weight.requires_grad]
optimiser = torch.optim.AdamW(weights, lr=SETTINGS["learning_rate"], weight_decay=0.0)
schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, steps))
for step, batch in enumerate(batches(rows), 1):
    optimiser.zero_grad()
    count, total = sum(len(tokens) - start for tokens, start in batch), 0.0
    for tokens, start in batch:
        part = loss_of(tokens, start) / count
        part.backward()
        total += part.item()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimiser.step()
    schedule.step()
    print(f"step {step} of {steps}: loss {total:.6f}", flush=True)
model.save_pretrained(out)
'''


def files(challenge: Challenge, payload: TunePayload) -> Mapping[str, str]:
    """The script and its rows by name; none for methods other than LoRA.

    None either where some of the learner's own choices are held out: the rows would tell which.
    """
    if payload.method != LORA or tune(challenge).own_choices is not None:
        return {}
    fixed = tune(challenge).fixed
    settings: dict[str, Any] = {**payload.hyperparameters.model_dump(), **fixed.model_dump()}
    rows = (dict(zip(("prompt", "completion"), row, strict=True)) for row in training_rows(challenge, payload))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return {"train.py": script(settings), "rows.jsonl": lines}


def script(settings: Mapping[str, Any]) -> str:
    return SCRIPT.replace("{settings}", repr(dict(settings)), 1)
