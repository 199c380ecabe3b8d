"""OpenVINO. Texts: GenAI's continuous batching with prefix caching. Labels: the same exported model on the runtime,
because GenAI gives no log-probability of a chosen token.

On the runtime the prompt's keys and values are computed once, restored before each batch and spread over its rows by
`beam_idx`; padding lies between prompt and row, where the mask hides it; only the last position is projected.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import openvino as ov

from benchmarks.peers.converted import kept
from benchmarks.peers.job import BFLOAT16, LABEL, Job, Result, Row, cut, serve, shared, timed

BATCH = 16
CACHE_GIB = 4

Key = tuple[int, tuple[int, ...]]


def run(job: Job) -> Result:
    folder = kept(job, "fp32", lambda made: _export(job, made))
    if job.output == LABEL:
        runtime = Runtime(job, folder)
        note = "runtime on the stateful model, prompt's state restored for each batch"
        return timed(job, lambda rows: labels(runtime, rows), version("openvino"), note)
    pipeline = _pipeline(job, folder)
    return timed(job, lambda rows: greedy(pipeline, job, rows), version("openvino-genai"), "prefix caching on")


def _export(job: Job, folder: Path) -> None:
    from optimum.exporters.openvino import main_export

    source = _plain_checkpoint(Path(job.checkpoint), folder / "source")
    main_export(str(source), output=folder, task="text-generation-with-past", library_name="transformers")


def _plain_checkpoint(checkpoint: Path, folder: Path) -> Path:
    """The same weights with a configuration that older releases of transformers read as well."""
    folder.mkdir()
    config = json.loads((checkpoint / "config.json").read_text())
    config |= {"rope_theta": config["rope_parameters"]["rope_theta"], "torch_dtype": config["dtype"]}
    (folder / "config.json").write_text(json.dumps(config))
    tokenizer = json.loads((checkpoint / "tokenizer_config.json").read_text())
    tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    for name in ("model.safetensors", "tokenizer.json", "generation_config.json"):
        if (checkpoint / name).exists():
            (folder / name).symlink_to(checkpoint / name)
    return folder


def _properties(job: Job) -> dict[str, Any]:
    """Keys and values stay unquantised: by default the CPU keeps them in 8 bits."""
    precision = "bf16" if job.dtype == BFLOAT16 else "f32"
    return {
        "INFERENCE_NUM_THREADS": job.threads,
        "INFERENCE_PRECISION_HINT": precision,
        "KV_CACHE_PRECISION": precision,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }


class Runtime:
    """The compiled model with the states of one prompt."""

    def __init__(self, job: Job, folder: Path) -> None:
        core = ov.Core()
        model = core.read_model(folder / "openvino_model.xml")
        _last_position_only(model)
        self.request = core.compile_model(model, "CPU", _properties(job)).create_infer_request()
        self.prompt = 0
        self.states: list[tuple[Any, Any]] = []

    def start(self, tokens: list[int]) -> None:
        self.request.reset_state()
        self.prompt = len(tokens)
        self._call(np.array([tokens]), np.ones((1, len(tokens))), np.arange(len(tokens))[None], np.zeros(1))
        self.states = [(state, np.array(state.state.data)) for state in self.request.query_state()]

    def restore(self) -> None:
        for state, values in self.states:
            state.state = ov.Tensor(values)

    def _call(self, ids: Any, mask: Any, positions: Any, beams: Any) -> Any:
        """Log-probabilities `[rows, vocabulary]` after the last position."""
        given = {
            "input_ids": ids.astype(np.int64),
            "attention_mask": mask.astype(np.int64),
            "position_ids": positions.astype(np.int64),
            "beam_idx": beams.astype(np.int32),
        }
        logits = self.request.infer(given)["logits"][:, -1].astype(np.float32)
        shifted = logits - logits.max(-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))

    def rows(self, rest: list[list[int]]) -> tuple[Any, Any]:
        """Each row's tokens after the prompt -> log-probabilities, and the mask that was used."""
        self.restore()
        width, size = max(map(len, rest)), len(rest)
        ids, own = np.zeros((size, width)), np.zeros((size, width))
        positions = np.full((size, width), self.prompt)
        for n, tokens in enumerate(rest):
            ids[n, width - len(tokens) :], own[n, width - len(tokens) :] = tokens, 1
            positions[n, width - len(tokens) :] = self.prompt + np.arange(len(tokens))
        mask = np.concatenate([np.ones((size, self.prompt)), own], 1)
        return self._call(ids, mask, positions, np.zeros(size)), mask

    def next(self, tokens: list[int], positions: list[int], mask: Any, beams: list[int]) -> Any:
        """One token more on rows `beams` of the last call."""
        ids, places = np.array(tokens)[:, None], np.array(positions)[:, None]
        return self._call(ids, np.concatenate([mask[beams], np.ones((len(beams), 1))], 1), places, np.array(beams))


def _last_position_only(model: Any) -> None:
    """Projects the last position to the vocabulary instead of all of them, as GenAI does."""
    from openvino import opset13

    node = model.output("logits").node.input_value(0).node
    while node.get_type_name() != "MatMul":
        node = node.input_value(0).node
    hidden = node.input_value(0)
    last = opset13.gather(hidden, opset13.constant(np.array([-1], np.int64)), opset13.constant(np.int64(1)))
    node.input(0).replace_source_output(last.output(0))
    model.validate_nodes_and_infer_types()


def labels(runtime: Runtime, rows: list[Row]) -> list[list[float]]:
    """Labels of at most two tokens: one call for the rows, one for their first label tokens."""
    start = shared(rows)
    runtime.start(rows[0].context[:start])
    order = sorted(range(len(rows)), key=lambda n: len(rows[n].context))
    found: list[list[float]] = [[] for _ in rows]
    for first in range(0, len(order), BATCH):
        part = order[first : first + BATCH]
        for n, values in zip(part, _batch(runtime, [rows[n] for n in part], start), strict=True):
            found[n] = values
    return found


def _batch(runtime: Runtime, rows: list[Row], start: int) -> list[list[float]]:
    logprobs, mask = runtime.rows([row.context[start:] for row in rows])
    known: dict[Key, Any] = {(n, ()): logprobs[n] for n in range(len(rows))}
    keys = list(dict.fromkeys((n, tuple(t[:1])) for n, row in enumerate(rows) for t in row.labels if len(t) == 2))
    if keys:
        beams = [n for n, _ in keys]
        places = [len(rows[n].context) for n in beams]
        known |= zip(keys, runtime.next([t[0] for _, t in keys], places, mask, beams), strict=True)
    return [
        [sum(float(known[n, tuple(t[:at])][token]) for at, token in enumerate(t)) for t in row.labels]
        for n, row in enumerate(rows)
    ]


def _pipeline(job: Job, folder: Path) -> Any:
    import openvino_genai

    scheduler = openvino_genai.SchedulerConfig()
    scheduler.enable_prefix_caching = True
    scheduler.cache_size = CACHE_GIB
    scheduler.max_num_batched_tokens = 2048
    scheduler.max_num_seqs = 64
    return openvino_genai.ContinuousBatchingPipeline(folder, scheduler, "CPU", _properties(job))


def greedy(pipeline: Any, job: Job, rows: list[Row]) -> list[list[int]]:
    """The first row alone, so that the others find its prompt in the cache."""
    return _generate(pipeline, job, rows[:1]) + _generate(pipeline, job, rows[1:])


def _generate(pipeline: Any, job: Job, rows: list[Row]) -> list[list[int]]:
    import openvino_genai

    config = openvino_genai.GenerationConfig(max_new_tokens=job.new_tokens, do_sample=False, eos_token_id=job.eos)
    given = [ov.Tensor(np.array([row.context], np.int64)) for row in rows]
    found = pipeline.generate(given, [config] * len(rows))
    return [cut(result.m_generation_ids[0], job.eos, job.new_tokens) for result in found]


if __name__ == "__main__":
    serve(run)
