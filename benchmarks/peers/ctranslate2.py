"""CTranslate2: `generate_batch` with the shared prompt as a cached static prompt.

Labels: one new token with its logits over the vocabulary, after each beginning of a label (`score_batch` would compute
the prompt again for every row and label).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np

from benchmarks.peers.converted import kept
from benchmarks.peers.job import LABEL, Job, Result, Row, cut, serve, shared, timed

BATCH = 16


class Engine:
    """A loaded generator and the names of its tokens."""

    def __init__(self, job: Job, folder: Path) -> None:
        self.job = job
        self.generator = ctranslate2.Generator(
            str(folder), device="cpu", compute_type=job.dtype, inter_threads=1, intra_threads=job.threads
        )
        self.names: list[str] = json.loads((folder / "vocabulary.json").read_text())

    def ask(self, starts: list[list[int]], prompt: list[int], new: int, logits: bool) -> list[Any]:
        """Rows of one length at a time: of a longer one, the last tokens would count as answers."""
        by_length: dict[int, list[int]] = {}
        for n, tokens in enumerate(starts):
            by_length.setdefault(len(tokens), []).append(n)
        found: dict[int, Any] = {}
        for part in by_length.values():
            found |= zip(part, self._generate([starts[n] for n in part], prompt, new, logits), strict=True)
        return [found[n] for n in range(len(starts))]

    def _generate(self, starts: list[list[int]], prompt: list[int], new: int, logits: bool) -> list[Any]:
        results: list[Any] = self.generator.generate_batch(
            [[self.names[token] for token in tokens] for tokens in starts],
            static_prompt=[self.names[token] for token in prompt],
            cache_static_prompt=True,
            include_prompt_in_result=False,
            max_batch_size=BATCH,
            max_length=new,
            sampling_topk=1,
            beam_size=1,
            end_token=[self.names[self.job.eos]],
            return_logits_vocab=logits,
        )
        return results


def run(job: Job) -> Result:
    if job.dtype not in ctranslate2.get_supported_compute_types("cpu"):
        job.want(dtypes=sorted(ctranslate2.get_supported_compute_types("cpu")))
    folder = kept(job, job.dtype, lambda made: _convert(job, made))
    engine = Engine(job, folder)
    answer = labels if job.output == LABEL else greedy
    return timed(job, lambda rows: answer(engine, rows), ctranslate2.__version__, "static prompt cached")


def _convert(job: Job, folder: Path) -> None:
    converter = ctranslate2.converters.TransformersConverter(job.checkpoint)
    converter.convert(str(folder), quantization=job.dtype, force=True)


def labels(engine: Engine, rows: list[Row]) -> list[list[float]]:
    prompt = rows[0].context[: shared(rows)]
    keys = list(
        dict.fromkeys((n, tuple(t[:at])) for n, row in enumerate(rows) for t in row.labels for at in range(len(t)))
    )
    starts = [[*rows[n].context[len(prompt) :], *tokens] for n, tokens in keys]
    found = engine.ask(starts, prompt, 1, True)
    known = {key: log_softmax(np.array(result.logits[0][0])) for key, result in zip(keys, found, strict=True)}
    return [
        [sum(float(known[n, tuple(t[:at])][token]) for at, token in enumerate(t)) for t in row.labels]
        for n, row in enumerate(rows)
    ]


def log_softmax(logits: Any) -> Any:
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def greedy(engine: Engine, rows: list[Row]) -> list[list[int]]:
    prompt = rows[0].context[: shared(rows)]
    starts = [row.context[len(prompt) :] for row in rows]
    found = engine.ask(starts, prompt, engine.job.new_tokens, False)
    return [cut(result.sequences_ids[0], engine.job.eos, engine.job.new_tokens) for result in found]


if __name__ == "__main__":
    serve(run)
