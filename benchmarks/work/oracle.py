"""The slow, obvious way: plain transformers in fp32, row by row. What everybody is compared with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from benchmarks.peers.job import Row, cut
from benchmarks.work.items import Words

ROWS = 20


def load(folder: Path, device: str = "cpu") -> Any:
    """The checkpoint as anybody would load it, with the library's own attention."""
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval().to(device)


@torch.inference_mode()
def label_logprobs(model: Any, rows: Sequence[Row]) -> list[list[float]]:
    """Nats, for each row and label, from a forward pass over all tokens before the label's last one."""
    return [_row(model, row) for row in rows]


def _row(model: Any, row: Row) -> list[float]:
    """Labels that differ in their last token only read the same pass."""
    starts = {tuple(label[:-1]) for label in row.labels}
    passes = {start: _logprobs(model, row.context, list(start)) for start in starts}
    return [_sum(passes[tuple(label[:-1])], label) for label in row.labels]


def _logprobs(model: Any, context: list[int], more: list[int]) -> torch.Tensor:
    """`[len(more) + 1, vocabulary]`: after the context and after each token of `more`."""
    logits = model(input_ids=torch.tensor([context + more], device=model.device)).logits[0, len(context) - 1 :]
    return logits.log_softmax(-1)


def _sum(logprobs: torch.Tensor, tokens: list[int]) -> float:
    return sum(float(logprobs[at, token]) for at, token in enumerate(tokens))


@torch.inference_mode()
def greedy(model: Any, rows: Sequence[Row], eos: int, new: int) -> list[list[int]]:
    """New token ids, without the end of text."""
    found = []
    for row in rows:
        ids = torch.tensor([row.context], device=model.device)
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False)
        found.append(cut(out[0, len(row.context) :].tolist(), eos, new))
    return found


@torch.inference_mode()
def adapter_loss(
    folder: Path, adapter: Path, pairs: Sequence[tuple[str, str]], words: Words, device: str = "cpu"
) -> float:
    """Mean negative log-likelihood per completion token (end of text counted), in nats, of a saved adapter."""
    model: Any = PeftModel.from_pretrained(load(folder, device), str(adapter)).eval()
    total, count = 0.0, 0
    for prompt, completion in pairs:
        context, whole = words.encode([prompt, prompt + completion])
        completion_ids = [*whole[len(context) :], words.eos]
        total -= _sum(_logprobs(model, context, completion_ids[:-1]), completion_ids)
        count += len(whole) - len(context) + 1
    return total / count
