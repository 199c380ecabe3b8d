"""LoRA training on `(prompt, completion)` pairs (Hu et al. 2021, arXiv 2106.09685), with PEFT.

The frozen base is shared, never written to. Loss and vocabulary projection cover completion tokens only; a
completion ends with the end-of-text token. The order of rows, the first weights and the result depend on the seed.
"""

from __future__ import annotations

import copy
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
from workers.engine.adapters import save, wrap
from workers.engine.models import Base
from workers.engine.prompts import CALL_TOKENS, batches, common_tokens, padded
from workers.engine.watch import Watch

WARMUP_SHARE = 0.05
CLIP_NORM = 1.0
IGNORED = -100


@dataclass(frozen=True)
class Example:
    """Token ids of a whole row; the completion begins at `start`."""

    tokens: list[int]
    start: int


@dataclass
class Progress:
    """What a training run has done so far."""

    step: int = 0
    tokens: int = 0
    train_loss: float = math.nan
    valid_loss: float | None = None


def train(base: Base, item: Train, folder: Path, watch: Watch) -> Trained:
    """Trains an adapter and saves it to `folder` in PEFT's format, in bf16.

    Raises `Rejected`: `row_too_long`, or `diverged` where a loss is not a finite number; `Stopped` between steps.
    """
    started = time.perf_counter()
    rows, valid = examples(base, item.rows, item.row_tokens_max), examples(base, item.valid, item.row_tokens_max)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(item.seed)
        model = wrap(_shared_copy(base), item.r, item.lora_alpha, item.target_modules)
    progress = _fit(base, model, item, rows, valid, watch)
    size = save(model, folder, base.name)
    watch.checkpoint(progress.step)
    trainable, total = model.get_nb_trainable_parameters()
    return Trained(
        files=str(folder),
        steps=progress.step,
        train_loss=progress.train_loss,
        valid_loss=progress.valid_loss,
        trainable_share=trainable / total,
        adapter_bytes=size,
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


def _shared_copy(base: Base) -> Any:
    """The model's modules anew around the same weights: PEFT may rebuild the copy, the base keeps its shape."""
    return copy.deepcopy(base.model, {id(parameter): parameter for parameter in base.model.parameters()})


def _fit(base: Base, model: Any, item: Train, rows: list[Example], valid: list[Example], watch: Watch) -> Progress:
    per_epoch = math.ceil(len(rows) / item.per_device_train_batch_size)
    planned = per_epoch * item.num_train_epochs
    steps = min(planned, item.max_steps or planned)
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=item.learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(step, planned))
    progress, started = Progress(), time.perf_counter()
    watch.progress(item.stage, 0, steps)
    for batch in _order(rows, item):
        progress.train_loss = _step(base, model, batch, weights, optimiser)
        schedule.step()
        progress.step += 1
        progress.tokens += sum(len(example.tokens) for example in batch)
        ends = progress.step == steps or progress.step % per_epoch == 0
        loss = evaluate(base, model, valid, watch) if ends and valid else None
        progress.valid_loss = loss if loss is not None else progress.valid_loss
        watch.loss(progress.step, steps, progress.train_loss, loss, time.perf_counter() - started)
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


def _step(base: Base, model: Any, batch: list[Example], weights: list[nn.Parameter], optimiser: Any) -> float:
    """One optimiser step; returns the batch's mean loss per completion token, in nats."""
    optimiser.zero_grad(set_to_none=True)
    total, count = _loss(base, model, batch)
    loss = total / count
    torch.autograd.backward(loss)
    norm = nn.utils.clip_grad_norm_(weights, CLIP_NORM)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        raise Rejected("diverged", "the training loss is not a finite number; try a lower learning rate")
    optimiser.step()
    return loss.item()


def _loss(base: Base, model: Any, batch: list[Example]) -> tuple[Tensor, int]:
    """Sum of the completion tokens' negative log-likelihoods, and their number. Padding on the right is never seen."""
    ids = padded([example.tokens for example in batch], base.eos)
    targets = torch.full_like(ids, IGNORED)
    for n, example in enumerate(batch):
        targets[n, example.start - 1 : len(example.tokens) - 1] = ids[n, example.start : len(example.tokens)]
    causal = model.get_base_model()
    hidden = causal.model(input_ids=ids, use_cache=False).last_hidden_state
    wanted = targets != IGNORED
    logits = causal.lm_head(hidden[wanted])
    return nn.functional.cross_entropy(logits, targets[wanted], reduction="sum"), int(wanted.sum())


@torch.no_grad()
def evaluate(base: Base, model: Any, rows: list[Example], watch: Watch) -> float:
    """Mean loss per completion token over `rows`, in nats."""
    total, count = 0.0, 0
    for batch in batches([len(example.tokens) for example in rows], CALL_TOKENS):
        watch.check()
        part, tokens = _loss(base, model, [rows[n] for n in batch])
        total, count = total + part.item(), count + tokens
    if not math.isfinite(total):
        raise Rejected("diverged", "the validation loss is not a finite number; try a lower learning rate")
    return total / count
