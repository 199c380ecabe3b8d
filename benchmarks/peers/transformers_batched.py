"""transformers in batches, as a good engineer would write it: sorted by length, padded, last positions only.

Labels: padding on the right, which no earlier token sees, and only the positions that a label is read from are
projected. One pass a row serves all labels of one token. Texts: padding on the left, `generate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM

from benchmarks.peers.job import LABEL, Job, Result, Row, cut, serve, timed


def run(job: Job) -> Result:
    torch.set_num_threads(job.threads)
    loaded: Any = AutoModelForCausalLM.from_pretrained(job.checkpoint, dtype=getattr(torch, job.dtype))
    model = loaded.eval().to(job.device)
    several = labels if job.output == LABEL else greedy
    note = f"batches of {job.batch}"
    return timed(job, lambda rows: batched(rows, job.batch, lambda part: several(model, job, part)), _version(), note)


def _version() -> str:
    return transformers.__version__


def batched(rows: list[Row], size: int, answer: Callable[[list[Row]], list[Any]]) -> list[Any]:
    """Longest first, answers in the order of `rows`."""
    order = sorted(range(len(rows)), key=lambda n: -len(rows[n].context))
    found: list[Any] = [None] * len(rows)
    for start in range(0, len(order), size):
        part = order[start : start + size]
        for n, value in zip(part, answer([rows[n] for n in part]), strict=True):
            found[n] = value
    return found


@torch.inference_mode()
def labels(model: Any, job: Job, rows: list[Row]) -> list[list[float]]:
    """Log-probabilities of every token of every label, each sequence forwarded once, `job.batch` at a time."""
    sequences = list(dict.fromkeys((n, tuple(tokens[:-1])) for n, row in enumerate(rows) for tokens in row.labels))
    needed = [key for key in sequences if not any(_extends(other, key) for other in sequences)]
    known: dict[tuple[int, tuple[int, ...]], torch.Tensor] = {}
    for start in range(0, len(needed), job.batch):
        known |= _forward(model, job, rows, needed[start : start + job.batch])
    return [[_sum(known, n, tokens) for tokens in row.labels] for n, row in enumerate(rows)]


def _extends(longer: tuple[int, tuple[int, ...]], shorter: tuple[int, tuple[int, ...]]) -> bool:
    return longer != shorter and longer[0] == shorter[0] and longer[1][: len(shorter[1])] == shorter[1]


def _forward(
    model: Any, job: Job, rows: list[Row], keys: list[tuple[int, tuple[int, ...]]]
) -> dict[tuple[int, tuple[int, ...]], torch.Tensor]:
    """Log-probabilities over the vocabulary after the context and after each token of the label's beginning."""
    whole = [rows[n].context + list(tokens) for n, tokens in keys]
    width = max(map(len, whole))
    ids = torch.tensor([ids + [job.eos] * (width - len(ids)) for ids in whole], device=model.device)
    mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in whole], device=model.device)
    hidden = model.model(input_ids=ids, attention_mask=mask).last_hidden_state
    places = [(b, len(rows[n].context) - 1 + at) for b, (n, tokens) in enumerate(keys) for at in range(len(tokens) + 1)]
    index = torch.tensor(places, device=model.device)
    logprobs = model.lm_head(hidden[index[:, 0], index[:, 1]]).float().log_softmax(-1).cpu()
    names = [(n, tokens[:at]) for n, tokens in keys for at in range(len(tokens) + 1)]
    return dict(zip(names, logprobs, strict=True))


def _sum(known: dict[tuple[int, tuple[int, ...]], torch.Tensor], n: int, tokens: list[int]) -> float:
    return sum(float(known[n, tuple(tokens[:at])][token]) for at, token in enumerate(tokens))


@torch.inference_mode()
def greedy(model: Any, job: Job, rows: list[Row]) -> list[list[int]]:
    width = max(len(row.context) for row in rows)
    padding = [width - len(row.context) for row in rows]
    ids = torch.tensor([[job.eos] * n + row.context for n, row in zip(padding, rows, strict=True)], device=model.device)
    mask = torch.tensor([[0] * n + [1] * (width - n) for n in padding], device=model.device)
    out = model.generate(ids, attention_mask=mask, max_new_tokens=job.new_tokens, do_sample=False, pad_token_id=job.eos)
    return [cut(said.tolist(), job.eos, job.new_tokens) for said in out[:, width:]]


if __name__ == "__main__":
    serve(run)
