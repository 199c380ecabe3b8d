"""lm-evaluation-harness, `hf` backend, through `HFLM.loglikelihood`, one request per row and label, as a task makes it.

It tokenises by itself, groups labels of one token that share a context, and projects every position.
"""

from __future__ import annotations

import itertools
from importlib.metadata import version

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from benchmarks.peers.job import LABEL, Job, Result, Row, serve, timed


def run(job: Job) -> Result:
    job.want(outputs=(LABEL,))
    torch.set_num_threads(job.threads)
    model = HFLM(
        pretrained=job.checkpoint, dtype=job.dtype, device=job.device, batch_size=job.batch, max_length=job.longest + 1
    )
    return timed(job, lambda rows: labels(model, rows), version("lm-eval"), f"batches of {job.batch}")


def labels(model: HFLM, rows: list[Row]) -> list[list[float]]:
    pairs = [(n, row.text, label) for n, row in enumerate(rows) for label in row.label_texts]
    requests = [
        Instance("loglikelihood", doc={}, arguments=(text, label), idx=at, metadata=("gradus", n, 1))
        for at, (n, text, label) in enumerate(pairs)
    ]
    found = iter(model.loglikelihood(requests, disable_tqdm=True))
    return [[value for value, _ in itertools.islice(found, len(row.label_texts))] for row in rows]


if __name__ == "__main__":
    serve(run)
