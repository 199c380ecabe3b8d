"""LoRA training on `(prompt, completion)` pairs (Hu et al. 2021, arXiv 2106.09685), with PEFT.

The frozen base is shared, never written to, and may compute in bf16; LoRA weights, losses and optimiser stay in fp32.
Loss and vocabulary projection cover completion tokens only; a completion ends with the end-of-text token. The order of
rows, the first weights and the result depend on the seed.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graders.base import Rejected, Train, Trained
from workers.engine import models
from workers.engine.adapters import save, wrap
from workers.engine.models import Base
from workers.engine.packing import Example, pack
from workers.engine.prompts import batches, call_tokens, common_tokens
from workers.engine.watch import Watch

WARMUP_SHARE = 0.05
CLIP_NORM = 1.0
STEP_TOKENS = 512
"""Padded tokens that hold activations at a time; a larger batch is computed in parts whose gradients add up."""
GPU_STEP_TOKEN_BYTES = 1 << 22
"""What a token of a step holds on a GPU until its gradients are found."""


@dataclass
class Progress:
    """What a training run has done so far."""

    step: int = 0
    tokens: int = 0
    train_loss: float = math.nan
    valid_loss: float | None = None
    adapter_bytes: int = 0


def train(base: Base, item: Train, folder: Path, watch: Watch, *, low: bool = False) -> Trained:
    """Trains an adapter and saves it to `folder` in PEFT's format, in bf16, at each epoch's end.

    Over the base's weights in fp32 or, with `low`, in bf16.
    Raises `Rejected`: `row_too_long`, or `diverged` where a loss is not a finite number; `Stopped` between steps.
    """
    started = time.perf_counter()
    rows, valid = examples(base, item.rows, item.row_tokens_max), examples(base, item.valid, item.row_tokens_max)
    peft = adapted(base, item, low=low)
    progress = _fit(base, peft, item, rows, valid, folder, watch)
    trainable_count, total = peft.get_nb_trainable_parameters()
    return Trained(
        files=str(folder),
        steps=progress.step,
        train_loss=progress.train_loss,
        valid_loss=progress.valid_loss,
        trainable_share=trainable_count / total,
        adapter_bytes=progress.adapter_bytes,
        tokens=progress.tokens,
        seconds=time.perf_counter() - started,
    )


def examples(base: Base, rows: Sequence[tuple[str, str]], tokens_max: int) -> list[Example]:
    """Tokenises prompt and completion together and adds the end-of-text token where it is not there yet."""
    prompts = base.encode([prompt for prompt, _ in rows])
    wholes = base.encode([prompt + completion for prompt, completion in rows])
    made = []
    for number, (prompt, whole) in enumerate(zip(prompts, wholes, strict=True), start=1):
        tokens = whole if whole[-1:] == [base.eos] else [*whole, base.eos]
        if len(tokens) > tokens_max:
            raise Rejected("row_too_long", f"row {number} has {len(tokens)} tokens; at most {tokens_max} are taken")
        made.append(Example(tokens, max(1, common_tokens([prompt, whole]))))
    return made


def adapted(base: Base, item: Train, *, low: bool) -> Any:
    """A PEFT model with fresh adapters that depend on the seed, over the base's weights or their copy in bf16."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(item.seed)
        return wrap(models.shared(base.half if low else base.model), item.r, item.lora_alpha, item.target_modules)


def _fit(
    base: Base, peft: Any, item: Train, rows: list[Example], valid: list[Example], folder: Path, watch: Watch
) -> Progress:
    per_epoch = math.ceil(len(rows) / item.per_device_train_batch_size)
    planned = per_epoch * item.num_train_epochs
    steps = min(planned, item.max_steps or planned)
    weights = [weight for weight in peft.parameters() if weight.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=item.learning_rate, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, planned))
    progress, started = Progress(), time.perf_counter()
    watch.progress(item.stage, 0, steps)
    for batch in _order(rows, item):
        progress.train_loss = _step(base, peft, batch, optimiser)
        schedule.step()
        progress.step += 1
        progress.tokens += sum(len(example.tokens) for example in batch)
        ends = progress.step == steps or progress.step % per_epoch == 0
        loss = evaluate(base, peft, valid, watch) if ends and valid else None
        progress.valid_loss = loss if loss is not None else progress.valid_loss
        watch.loss(progress.step, steps, progress.train_loss, loss, time.perf_counter() - started)
        if ends:
            progress.adapter_bytes = save(peft, folder, base.name)
            watch.checkpoint(progress.step)
        if progress.step == steps:
            break
    return progress


def rate(step: int, steps: int) -> float:
    """Share of the learning rate at `step`: linear warm-up, then cosine to zero."""
    warmup = max(1, round(WARMUP_SHARE * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def _order(rows: list[Example], item: Train) -> Iterator[list[Example]]:
    """Batches of similar length, in random order; both change from epoch to epoch."""
    chance, size = random.Random(item.seed), item.per_device_train_batch_size  # noqa: S311 - not for secrets
    for _ in range(item.num_train_epochs):
        shuffled = chance.sample(rows, len(rows))
        shuffled.sort(key=lambda example: len(example.tokens))
        cut = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
        yield from chance.sample(cut, len(cut))


def _step(base: Base, peft: Any, batch: list[Example], optimiser: Any) -> float:
    """One optimiser step; returns the batch's mean loss per completion token, in nats."""
    optimiser.zero_grad()
    count, total = _read(batch), 0.0
    for part in _parts(base, batch):
        loss = negative_log_likelihood(base, peft, [batch[n] for n in part]) / count
        torch.autograd.backward(loss)
        total += loss.item()
    norm = nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], CLIP_NORM)
    if not (math.isfinite(total) and torch.isfinite(norm)):
        raise Rejected("diverged", "the training loss is not a finite number; try a lower learning rate")
    optimiser.step()
    return total


def negative_log_likelihood(base: Base, peft: Any, rows: Sequence[Example]) -> Tensor:
    """Sum over the rows' completion tokens, in nats."""
    packed = pack(rows, base.eos, base.device)
    causal = peft.get_base_model()
    if base.split:
        out = causal.base_model(input_ids=packed.ids, position_ids=packed.positions, use_cache=False, tree=packed.tree)
        logits = causal.get_output_embeddings()(out.last_hidden_state[0, packed.places])
    else:
        logits = causal(input_ids=packed.ids, use_cache=False).logits[0, packed.places]
    return nn.functional.cross_entropy(logits.float(), packed.targets, reduction="sum")


def _read(rows: Sequence[Example]) -> int:
    """Completion tokens."""
    return sum(len(example.tokens) - example.start for example in rows)


def _parts(base: Base, rows: Sequence[Example]) -> list[list[int]]:
    """Row numbers that are computed together; where attention cannot be split, each row is a sequence of its own."""
    tokens = call_tokens(base.device, STEP_TOKENS, GPU_STEP_TOKEN_BYTES) if base.split else 0
    return batches([len(example.tokens) for example in rows], tokens)


@torch.no_grad()
def evaluate(base: Base, peft: Any, rows: list[Example], watch: Watch) -> float:
    """Mean loss per completion token over `rows`, in nats."""
    total = 0.0
    for batch in _parts(base, rows):
        watch.check()
        total += negative_log_likelihood(base, peft, [rows[n] for n in batch]).item()
    if not math.isfinite(total):
        raise Rejected("diverged", "the validation loss is not a finite number; try a lower learning rate")
    return total / _read(rows)
