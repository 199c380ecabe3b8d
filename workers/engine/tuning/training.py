"""Training on rows (LoRA: Hu et al. 2021, arXiv 2106.09685): the steps, which all methods share.

LoRA and DPO train an adapter over the frozen base, which is never written to and may compute in bf16. QLoRA does so
over a copy in 4 bits, and full fine-tuning trains a copy of every weight. Trained weights, losses and optimiser stay in
fp32. Loss and vocabulary projection cover completion tokens only; a completion ends with the end-of-text token. The
order of rows, the first weights and the result depend on the seed.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graders.base import Rejected, Train, Trained
from workers.engine import models
from workers.engine.models import Base
from workers.engine.prompts import batches, call_tokens
from workers.engine.tuning import adapters, checkpoints, quantised
from workers.engine.tuning.objectives import Completions, Figures, Preferences, objective
from workers.engine.watch import Watch

WARMUP_SHARE = 0.05
CLIP_NORM = 1.0
STEP_TOKENS = 512
"""Padded tokens that hold activations at a time; a larger batch is computed in parts whose gradients add up."""
GPU_STEP_TOKEN_BYTES = 1 << 22
"""What a token of a step holds on a GPU until its gradients are found."""

LOOKS = 2
"""How often in an epoch DPO looks at the pairs that are held out, which a learner follows."""

Objective = Completions | Preferences


@dataclass
class Progress:
    """What a training run has done so far. `figures` are those of held-out preferences."""

    step: int = 0
    tokens: int = 0
    train_loss: float = math.nan
    valid_loss: float | None = None
    figures: Figures = field(default_factory=dict)
    saved_bytes: int = 0


def train(base: Base, item: Train, folder: Path, watch: Watch, *, bf16: bool = False) -> Trained:
    """Trains by the item's method and saves the result to `folder`, in bf16, at each epoch's end.

    Adapters are trained over the base's weights in fp32 or, with `bf16`, in bf16.
    Raises `Rejected`: `row_too_long`, or `diverged` where a loss is not a finite number; `Stopped` between steps.
    """
    started, goal = time.perf_counter(), objective(item)
    rows, valid = (goal.read(base, given, item.row_tokens_max) for given in (item.rows, item.valid))
    model = trainable(base, item, bf16=bf16)
    progress = _fit(base, model, goal, item, rows, valid, folder, watch)
    trained = sum(weight.numel() for weight in _trained(model))
    kept = 0 if item.method == "full" else sum(weight.numel() for weight in base.model.parameters())
    return Trained(
        files=str(folder),
        steps=progress.step,
        train_loss=progress.train_loss,
        valid_loss=progress.valid_loss,
        trainable_share=trained / (trained + kept),
        adapter_bytes=progress.saved_bytes,
        tokens=progress.tokens,
        seconds=time.perf_counter() - started,
        figures=progress.figures,
    )


def trainable(base: Base, item: Train, *, bf16: bool) -> Any:
    """A copy of every weight, or a PEFT model with fresh adapters that depend on the seed, over the base's weights, its
    copy in bf16 or its copy in 4 bits.
    """
    if item.method == "full":
        return checkpoints.trainable(base)
    under = base.bf16_copy if bf16 and item.method != "qlora" else base.model
    under = quantised.quantised_model(under, bf16=bf16) if item.method == "qlora" else models.shared(under)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(item.seed)
        return adapters.wrap(under, item.r, item.lora_alpha, item.target_modules)


def _trained(model: Any) -> list[Tensor]:
    return [weight for weight in model.parameters() if weight.requires_grad]


def _save(base: Base, model: Any, item: Train, folder: Path) -> int:
    if item.method == "full":
        return checkpoints.save(base, model, folder)
    if item.method == "qlora":
        quantised.mark(folder)
    return adapters.save(model, folder, base.name)


def _fit(
    base: Base, model: Any, goal: Objective, item: Train, rows: list[Any], valid: list[Any], folder: Path, watch: Watch
) -> Progress:
    per_epoch = math.ceil(len(rows) / item.per_device_train_batch_size)
    planned = per_epoch * item.num_train_epochs
    steps = min(planned, item.max_steps or planned)
    optimiser = torch.optim.AdamW(_trained(model), lr=item.learning_rate, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, planned))
    progress, started = Progress(), time.perf_counter()
    watch.progress(item.stage, 0, steps)
    for batch in _order(rows, item):
        progress.train_loss, figures = _step(base, model, goal, batch, optimiser)
        schedule.step()
        progress.step += 1
        progress.tokens += sum(len(row.tokens) for row in batch)
        ends = progress.step == steps or progress.step % per_epoch == 0
        loss = None
        if valid and (ends or (item.method == "dpo" and progress.step % math.ceil(per_epoch / LOOKS) == 0)):
            loss, held = evaluate(base, model, goal, valid, watch)
            progress.valid_loss, progress.figures = loss, {f"valid_{name}": value for name, value in held.items()}
            figures |= progress.figures
        watch.loss(progress.step, steps, progress.train_loss, loss, time.perf_counter() - started, figures)
        if ends:
            progress.saved_bytes = _save(base, model, item, folder)
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


def _order(rows: list[Any], item: Train) -> Iterator[list[Any]]:
    """Batches of similar length, in random order; both change from epoch to epoch."""
    chance, size = random.Random(item.seed), item.per_device_train_batch_size  # noqa: S311 - not for secrets
    for _ in range(item.num_train_epochs):
        shuffled = chance.sample(rows, len(rows))
        shuffled.sort(key=lambda row: len(row.tokens))
        cut = [shuffled[at : at + size] for at in range(0, len(shuffled), size)]
        yield from chance.sample(cut, len(cut))


def _step(base: Base, model: Any, goal: Objective, batch: list[Any], optimiser: Any) -> tuple[float, Figures]:
    """One optimiser step; returns the batch's mean loss and what else the objective tells of it."""
    optimiser.zero_grad()
    total, figures = _mean(base, model, goal, batch, torch.autograd.backward)
    norm = nn.utils.clip_grad_norm_(optimiser.param_groups[0]["params"], CLIP_NORM)
    if not (math.isfinite(total) and torch.isfinite(norm)):
        raise Rejected("diverged", "the training loss is not a finite number; try a lower learning rate")
    optimiser.step()
    return total, figures


def _mean(
    base: Base, model: Any, goal: Any, batch: Sequence[Any], each: Callable[[Tensor], object]
) -> tuple[float, Figures]:
    """The batch's loss, in parts that are passed to `each`, and the sums of their figures."""
    total, sums = 0.0, Figures()
    for numbers in _parts(base, batch):
        loss, figures = goal.loss(base, model, [batch[n] for n in numbers], batch)
        each(loss)
        total += loss.item()
        sums = {name: sums.get(name, 0.0) + value for name, value in figures.items()}
    return total, sums


def _parts(base: Base, rows: Sequence[Any]) -> list[list[int]]:
    """Row numbers that are computed together; where attention cannot be split, each row is a sequence of its own."""
    tokens = call_tokens(base.device, STEP_TOKENS, GPU_STEP_TOKEN_BYTES) if base.split else 0
    return batches([len(row.tokens) for row in rows], tokens)


@torch.no_grad()
def evaluate(base: Base, model: Any, goal: Objective, rows: list[Any], watch: Watch) -> tuple[float, Figures]:
    """The mean loss over `rows`, in nats, and what else the objective tells of them."""
    total, figures = _mean(base, model, goal, rows, lambda _: watch.check())
    if not math.isfinite(total):
        raise Rejected("diverged", "the validation loss is not a finite number; try a lower learning rate")
    return total, figures
