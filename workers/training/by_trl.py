"""Training by TRL's `SFTTrainer` and accelerate, for base models larger than the built-in one on a GPU.

Rows, their tokens, batches and order, first weights, optimiser, learning rate, events, limits and files are those of
`workers.engine.tuning.training`; TRL makes the steps. It keeps the activations at the beginning of each layer and
computes the others again, so that large models fit.
"""

from __future__ import annotations

import math
import shutil
from itertools import islice
from typing import Any

import torch
import trl
from datasets import Dataset
from torch.utils.data import DataLoader
from transformers import PreTrainedTokenizerFast, PrinterCallback, TrainerCallback

from graders.base import Rejected
from workers.engine.tuning import training
from workers.engine.tuning.training import Run


class Config(trl.SFTConfig):  # type: ignore[misc]
    """One GPU, of however many a runner sees: batches are not cut among several."""

    @property
    def n_gpu(self) -> int:
        return 1


class Trainer(trl.SFTTrainer):  # type: ignore[misc]
    """Takes the batches as they are cut, and keeps each step's loss."""

    def __init__(self, batches: list[list[int]], **given: Any) -> None:
        self.batches, self.loss = batches, math.nan
        super().__init__(**given)

    def get_train_dataloader(self) -> Any:
        return DataLoader(self.train_dataset, batch_sampler=self.batches, collate_fn=self.data_collator)

    def training_step(self, *given: Any, **more: Any) -> Any:
        loss = super().training_step(*given, **more)
        self.loss = float(loss)
        return loss


class Steps(TrainerCallback):
    """Tells what each step did, as our own loop does."""

    def __init__(self, run: Run, batches: list[list[Any]]) -> None:
        self.run, self.batches = run, batches
        self.trainer: Any = None

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        grads = [weight.grad for weight in self.run.model.parameters() if weight.grad is not None]
        if not (math.isfinite(self.trainer.loss) and all(bool(torch.isfinite(grad).all()) for grad in grads)):
            raise Rejected("diverged", "the training loss is not a finite number; try a lower learning rate")

    def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        self.run.stepped(self.batches[state.global_step - 1], self.trainer.loss, {})


def fit(run: Run) -> None:
    """Makes the steps of a training run. Raises `Rejected('diverged')`, and `Stopped` between steps."""
    batches = list(islice(training.order(run.rows, run.item), run.steps))
    places = {id(row): n for n, row in enumerate(run.rows)}
    rows = [{"input_ids": row.tokens, "labels": [-100] * row.start + row.tokens[row.start :]} for row in run.rows]
    steps, folder = Steps(run, batches), f"{run.folder}-trl"
    steps.trainer = Trainer(
        [[places[id(row)] for row in batch] for batch in batches],
        model=run.model,
        args=_config(run, folder),
        train_dataset=Dataset.from_list(rows),
        processing_class=_tokenizer(run),
        optimizers=run.optimiser(),
        callbacks=[steps],
    )
    # What a runner prints goes into its worker's log.
    steps.trainer.remove_callback(PrinterCallback)
    try:
        steps.trainer.train()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _config(run: Run, folder: str) -> Any:
    return Config(
        output_dir=folder,
        use_cpu=run.base.device.type == "cpu",
        bf16=False,
        max_steps=run.steps,
        max_grad_norm=training.CLIP_NORM,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        gradient_checkpointing=True,
        seed=run.item.seed,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


def _tokenizer(run: Run) -> Any:
    """Fills short rows with the end-of-text token, which no other token sees."""
    eos = run.base.tokenizer.id_to_token(run.base.eos)
    fast: Any = PreTrainedTokenizerFast
    return fast(tokenizer_object=run.base.tokenizer, eos_token=eos, pad_token=eos)
