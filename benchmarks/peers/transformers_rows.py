"""transformers, row by row, as most people write it: one forward pass a row (labels of several tokens: a label)."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import AutoModelForCausalLM

from benchmarks.peers.job import LABEL, Job, Result, Row, cut, serve, timed


def run(job: Job) -> Result:
    torch.set_num_threads(job.threads)
    loaded: Any = AutoModelForCausalLM.from_pretrained(job.checkpoint, dtype=getattr(torch, job.dtype))
    model = loaded.eval().to(job.device)
    one = label if job.output == LABEL else greedy
    return timed(job, lambda rows: [one(model, job, row) for row in rows], transformers.__version__)


@torch.inference_mode()
def label(model: Any, job: Job, row: Row) -> list[float]:
    if all(len(tokens) == 1 for tokens in row.labels):
        ids = torch.tensor([row.context], device=model.device)
        logprobs = model(input_ids=ids).logits[0, -1].float().log_softmax(-1)
        return [float(logprobs[tokens[0]]) for tokens in row.labels]
    return [_logprob(model, row.context, tokens) for tokens in row.labels]


def _logprob(model: Any, context: list[int], tokens: list[int]) -> float:
    ids = torch.tensor([context + tokens], device=model.device)
    logits = model(input_ids=ids).logits[0, len(context) - 1 : -1].float()
    return float(logits.log_softmax(-1).gather(1, ids[0, len(context) :, None]).sum())


@torch.inference_mode()
def greedy(model: Any, job: Job, row: Row) -> list[int]:
    ids = torch.tensor([row.context], device=model.device)
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=job.new_tokens, do_sample=False, pad_token_id=job.eos
    )
    return cut(out[0, len(row.context) :].tolist(), job.eos, job.new_tokens)


if __name__ == "__main__":
    serve(run)
