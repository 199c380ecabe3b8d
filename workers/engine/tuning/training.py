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
from itertools import islice
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
Fit = Callable[["Run"], None]


@dataclass
class Run:
    """A training run, how far it is, and what becomes of each step. `figures` are those of held-out preferences."""

    base: Base
    model: Any
    goal: Objective
    item: Train
    rows: list[Any]
    valid: list[Any]
    folder: Path
    watch: Watch
    step: int = 0
    tokens: int = 0
    train_loss: float = math.nan
    valid_loss: float | None = None
    figures: Figures = field(default_factory=dict)
    saved_bytes: int = 0

    def __post_init__(self) -> None:
        self.per_epoch = math.ceil(len(self.rows) / self.item.per_device_train_batch_size)
        self.planned = self.per_epoch * self.item.num_train_epochs
        self.steps = min(self.planned, self.item.max_steps or self.planned)
        self.started = time.perf_counter()

    def optimiser(self) -> tuple[Any, Any]:
        """An optimiser of what is trained, and the course of its learning rate."""
        made = torch.optim.AdamW(_trained(self.model), lr=self.item.learning_rate, weight_decay=0.0, fused=True)
        return made, torch.optim.lr_scheduler.LambdaLR(made, lambda step: rate(step, self.planned))

    def stepped(self, batch: Sequence[Any], loss: float, figures: Figures) -> None:
        """Looks at held-out rows, saves and reports, as is due after a step."""
        self.step, self.train_loss = self.step + 1, loss
        self.tokens += sum(len(row.tokens) for row in batch)
        ends, held_out = self.step == self.steps or self.step % self.per_epoch == 0, None
        if self.valid and (ends or (self.item.method == "dpo" and self.step % math.ceil(self.per_epoch / LOOKS) == 0)):
            held_out, held = evaluate(self.base, self.model, self.goal, self.valid, self.watch)
            self.valid_loss, self.figures = held_out, {f"valid_{name}": value for name, value in held.items()}
            figures |= self.figures
        self.watch.loss(self.step, self.steps, loss, held_out, time.perf_counter() - self.started, figures)
        if ends:
            self.saved_bytes = _save(self.base, self.model, self.item, self.folder)
            self.watch.checkpoint(self.step)


def fit(run: Run) -> None:
    """Makes the steps of a training run by torch alone."""
    optimiser, schedule = run.optimiser()
    for batch in islice(order(run.rows, run.item), run.steps):
        loss, figures = _step(run.base, run.model, run.goal, batch, optimiser)
        schedule.step()
        run.stepped(batch, loss, figures)


def train(base: Base, item: Train, folder: Path, watch: Watch, *, bf16: bool = False, fit: Fit = fit) -> Trained:
    """Trains by the item's method and saves the result to `folder`, in bf16, at each epoch's end.

    Adapters are trained over the base's weights in fp32 or, with `bf16`, in bf16. `fit` makes the steps.
    Raises `Rejected`: `row_too_long`, or `diverged` where a loss is not a finite number; `Stopped` between steps.
    """
    started, goal = time.perf_counter(), objective(item)
    rows, valid = (goal.read(base, given, item.row_tokens_max) for given in (item.rows, item.valid))
    run = Run(base, trainable(base, item, bf16=bf16), goal, item, rows, valid, folder, watch)
    watch.progress(item.stage, 0, run.steps)
    fit(run)
    trained = sum(weight.numel() for weight in _trained(run.model))
    kept = 0 if item.method == "full" else sum(weight.numel() for weight in base.model.parameters())
    return Trained(
        files=str(folder),
        steps=run.step,
        train_loss=run.train_loss,
        valid_loss=run.valid_loss,
        trainable_share=trained / (trained + kept),
        adapter_bytes=run.saved_bytes,
        tokens=run.tokens,
        seconds=time.perf_counter() - started,
        figures=run.figures,
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


def rate(step: int, steps: int) -> float:
    """Share of the learning rate at `step`: linear warm-up, then cosine to zero."""
    warmup = max(1, round(WARMUP_SHARE * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def order(rows: list[Any], item: Train) -> Iterator[list[Any]]:
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
