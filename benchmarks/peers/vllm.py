"""vLLM on the CPU or a GPU, prefix caching on, the whole request list at once.

Labels: one new token a request with `logprob_token_ids`, which reads the prefix cache (prompt log-probabilities would
skip it) and projects the last position only. A label of several tokens takes a request more for each beginning.
"""

from __future__ import annotations

import os
from typing import Any

from benchmarks.peers.job import LABEL, Job, Result, Row, cut, serve, timed

BATCHED_TOKENS = 2048
SEQUENCES = 64
CACHE_GIB = 4
GPU_SHARE = 0.6
"""The share of a GPU's memory that vLLM may take. The oracle in the benchmark's own process needs the rest."""


def run(job: Job) -> Result:
    on_cpu = {"VLLM_CPU_KVCACHE_SPACE": str(CACHE_GIB), "VLLM_CPU_OMP_THREADS_BIND": _cores(job.threads)}
    os.environ |= {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
    } | (on_cpu if job.device == "cpu" else {})
    import vllm

    engine = vllm.LLM(
        model=job.checkpoint,
        dtype=job.dtype,
        enable_prefix_caching=True,
        max_model_len=job.longest + 8,
        max_num_seqs=SEQUENCES,
        max_num_batched_tokens=BATCHED_TOKENS,
        block_size=job.options.get("block_size"),
        disable_log_stats=True,
        seed=0,
        **({} if job.device == "cpu" else {"gpu_memory_utilization": GPU_SHARE}),
    )
    answer = labels if job.output == LABEL else greedy
    note = f"prefix caching on, blocks of {engine.llm_engine.vllm_config.cache_config.block_size}"
    return timed(job, lambda rows: answer(engine, job, rows), vllm.__version__, note)


def _cores(threads: int) -> str:
    """The first cores that this process may use, as vLLM wants them written."""
    return ",".join(str(core) for core in sorted(os.sched_getaffinity(0))[:threads])


def labels(engine: Any, job: Job, rows: list[Row]) -> list[list[float]]:
    """Log-probability of each token after each beginning of a label, summed."""
    wanted: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for n, row in enumerate(rows):
        for tokens in row.labels:
            for at, token in enumerate(tokens):
                asked = wanted.setdefault((n, tuple(tokens[:at])), [])
                asked += [token] if token not in asked else []
    order = sorted(wanted, key=lambda key: len(key[1]))
    found = dict(zip(order, _ask(engine, rows, order, wanted), strict=True))
    return [
        [sum(found[n, tuple(tokens[:at])][token] for at, token in enumerate(tokens)) for tokens in row.labels]
        for n, row in enumerate(rows)
    ]


def _ask(engine: Any, rows: list[Row], order: list[Any], wanted: dict[Any, list[int]]) -> list[dict[int, float]]:
    from vllm import SamplingParams

    prompts = [{"prompt_token_ids": [*rows[n].context, *tokens]} for n, tokens in order]
    params = [SamplingParams(temperature=0, max_tokens=1, logprob_token_ids=wanted[key]) for key in order]
    outputs = engine.generate(prompts, params, use_tqdm=False)
    return [{token: value.logprob for token, value in out.outputs[0].logprobs[0].items()} for out in outputs]


def greedy(engine: Any, job: Job, rows: list[Row]) -> list[list[int]]:
    from vllm import SamplingParams

    params = SamplingParams(temperature=0, max_tokens=job.new_tokens, detokenize=False)
    outputs = engine.generate([{"prompt_token_ids": row.context} for row in rows], params, use_tqdm=False)
    return [cut(out.outputs[0].token_ids, job.eos, job.new_tokens) for out in outputs]


if __name__ == "__main__":
    serve(run)
