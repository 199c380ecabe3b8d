"""The slow reference with plain transformers, one row and one label at a time; every fast path is compared with it."""

from collections.abc import Callable
from dataclasses import replace

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from graders.base import Train
from workers.engine.models import Base
from workers.engine.tuning import training
from workers.engine.tuning.adapters import wrap


def plain(folder) -> PreTrainedModel:
    """The checkpoint loaded with transformers and its own attention."""
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


@torch.no_grad()
def label_logprob(model: PreTrainedModel, base: Base, prompt: str, label: str, labels: tuple[str, ...]) -> float:
    """The log-likelihood of `label` after `prompt` in nats, from one forward pass over all tokens."""
    context = base.encode([prompt])[0]
    wholes = {other: base.encode([prompt + other])[0] for other in labels}
    start = len(context)
    while any(whole[:start] != context[:start] for whole in wholes.values()):
        start -= 1
    tokens = context[:start] + wholes[label][start:]
    logprobs = model(input_ids=torch.tensor([tokens])).logits[0].log_softmax(-1)
    return sum(logprobs[at - 1, tokens[at]].item() for at in range(start, len(tokens)))


@torch.no_grad()
def greedy(model: PreTrainedModel, base: Base, prompt: str, new: int) -> list[int]:
    """The token ids from `model.generate`, without the end-of-text token."""
    ids = torch.tensor(base.encode([prompt]))
    out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False)
    said = out[0, ids.shape[1] :].tolist()
    return said[: said.index(base.eos)] if base.eos in said else said


@torch.no_grad()
def completion_loss(model: PreTrainedModel, base: Base, rows) -> float:
    """The mean negative log-likelihood per completion token in nats, including the end-of-text token."""
    return mean_loss(model, base, rows).item()


def mean_loss(model: PreTrainedModel, base: Base, rows) -> torch.Tensor:
    """The completion loss as a tensor with gradients."""
    losses = []
    for prompt, completion in rows:
        context, tokens = base.encode([prompt])[0], [*base.encode([prompt + completion])[0], base.eos]
        logprobs = model(input_ids=torch.tensor([tokens])).logits[0].log_softmax(-1)
        losses += [-logprobs[at - 1, tokens[at]] for at in range(len(context), len(tokens))]
    return torch.stack(losses).mean()


def one_step(folder, base: Base, item: Train) -> tuple[float, float]:
    """The completion loss before and after one step of PEFT and AdamW on all rows, with plain autograd."""
    model = adapted(plain(folder).requires_grad_(False), item)
    (before,) = trained_by_hand(model, replace(item, num_train_epochs=1), lambda: mean_loss(model, base, item.rows))
    return before, completion_loss(model, base, item.rows)


def adapted(model: PreTrainedModel, item: Train) -> PeftModel:
    """PEFT's fresh adapters over a model, from the item's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(item.seed)
        return wrap(model, item.r, item.lora_alpha, item.target_modules)


def trained_by_hand(model, item: Train, loss: Callable[[], torch.Tensor]) -> list[float]:
    """The losses before each epoch's step on all rows, by AdamW and autograd."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(weights, lr=item.learning_rate, weight_decay=0.0)
    losses = []
    for step in range(item.num_train_epochs):
        optimiser.param_groups[0]["lr"] = item.learning_rate * training.rate(step, item.num_train_epochs)
        optimiser.zero_grad()
        found = loss()
        found.backward()
        torch.nn.utils.clip_grad_norm_(weights, training.CLIP_NORM)
        optimiser.step()
        losses.append(found.item())
    return losses


def dpo_loss(model: PeftModel, base: Base, item: Train) -> torch.Tensor:
    """DPO's formula, with the loss of the chosen answers added, row by row."""
    margins = []
    for prompt, chosen, rejected in item.rows:
        policy = completion_logprob(model, base, prompt, chosen) - completion_logprob(model, base, prompt, rejected)
        with torch.no_grad(), model.disable_adapter():
            kept = completion_logprob(model, base, prompt, chosen) - completion_logprob(model, base, prompt, rejected)
        margins.append(item.beta * (policy - kept))
    preferred = -torch.nn.functional.logsigmoid(torch.stack(margins)).mean()
    return preferred + item.rpo_alpha * mean_loss(model, base, [row[:2] for row in item.rows])


def completion_logprob(model: PreTrainedModel, base: Base, prompt: str, completion: str) -> torch.Tensor:
    """The log-likelihood of a completion and the end-of-text token, in nats."""
    context, tokens = base.encode([prompt])[0], [*base.encode([prompt + completion])[0], base.eos]
    logprobs = model(input_ids=torch.tensor([tokens])).logits[0].log_softmax(-1)
    return torch.stack([logprobs[at - 1, tokens[at]] for at in range(len(context), len(tokens))]).sum()
