"""llama.cpp through its C interface: the prompt is decoded once, rows are sequences that share its cells.

Weights are our checkpoint's own (`gguf_file`); fp32 runs keep keys and values in fp32 as well. Rows go in groups that
fill one micro-batch, because a token's attention is computed over the cells of the whole group.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import llama_cpp
import numpy as np

from benchmarks.peers import gguf_file
from benchmarks.peers.converted import kept
from benchmarks.peers.job import FLOAT32, LABEL, Job, Result, Row, serve, shared, timed

MICRO_BATCH = 512
TEXT_ROWS = 16
F32 = 0

Key = tuple[int, tuple[int, ...]]


class Engine:
    """One context. Sequence 0 holds the shared prompt; `1..` are rows and beginnings of labels."""

    def __init__(self, job: Job, model: Any) -> None:
        self.job, self.model = job, model
        self.vocabulary = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
        params = llama_cpp.llama_context_default_params()
        self.sequences = 250
        params.n_seq_max = self.sequences + 1
        params.kv_unified = True
        params.n_ctx = job.longest + MICRO_BATCH * 3 + TEXT_ROWS * (job.longest - job.shared + 8)
        params.n_batch = params.n_ctx
        params.n_ubatch = MICRO_BATCH
        params.n_threads = params.n_threads_batch = job.threads
        if job.dtype == FLOAT32:
            params.type_k = params.type_v = F32
        self.context = llama_cpp.llama_init_from_model(model, params)
        self.memory = llama_cpp.llama_get_memory(self.context)
        self.batch = llama_cpp.llama_batch_init(params.n_batch, 0, 1)

    def decode(self, parts: list[tuple[int, int, list[int], bool]]) -> Any:
        """`(sequence, position, tokens, read)` parts in one call -> logits `[parts read, vocabulary]`."""
        at, wanted = 0, []
        for sequence, position, tokens, read in parts:
            for offset, token in enumerate(tokens):
                last = read and offset == len(tokens) - 1
                self._put(at, token, position + offset, sequence, last)
                wanted += [at] if last else []
                at += 1
        self.batch.n_tokens = at
        status = llama_cpp.llama_decode(self.context, self.batch)
        if status:
            raise RuntimeError(f"llama_decode: {status}")
        return np.array([self._logits(index) for index in wanted])

    def _put(self, at: int, token: int, position: int, sequence: int, read: bool) -> None:
        batch = self.batch
        batch.token[at], batch.pos[at], batch.n_seq_id[at] = token, position, 1
        batch.seq_id[at][0], batch.logits[at] = sequence, read

    def _logits(self, index: int) -> Any:
        pointer = llama_cpp.llama_get_logits_ith(self.context, index)
        values = ctypes.cast(pointer, ctypes.POINTER(ctypes.c_float * self.vocabulary)).contents
        return np.frombuffer(values, dtype=np.float32).copy()

    def start(self, tokens: list[int]) -> None:
        """Forgets everything, then decodes the shared prompt."""
        llama_cpp.llama_memory_clear(self.memory, True)
        for first in range(0, len(tokens), MICRO_BATCH):
            self.decode([(0, first, tokens[first : first + MICRO_BATCH], False)])

    def fork(self, source: int, target: int) -> None:
        llama_cpp.llama_memory_seq_cp(self.memory, source, target, -1, -1)

    def drop(self, sequence: int) -> None:
        llama_cpp.llama_memory_seq_rm(self.memory, sequence, -1, -1)


def run(job: Job) -> Result:
    folder = kept(job, job.dtype, lambda made: gguf_file.write(Path(job.checkpoint), made / "model.gguf", job.dtype))
    llama_cpp.llama_log_set(_silent, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    file = str(folder / "model.gguf").encode()
    model = llama_cpp.llama_model_load_from_file(file, llama_cpp.llama_model_default_params())
    engine = Engine(job, model)
    answer = labels if job.output == LABEL else greedy
    note = f"native build: {'avx512' if b'AVX512 = 1' in llama_cpp.llama_print_system_info() else 'no avx512'}"
    return timed(job, lambda rows: answer(engine, rows), llama_cpp.__version__, note)


@llama_cpp.llama_log_callback
def _silent(level: int, text: bytes, data: Any) -> None:
    """llama.cpp speaks a great deal while it loads."""


def groups(rows: list[Row], start: int, limit: int) -> list[list[int]]:
    """Row numbers, as many as fill a micro-batch, `limit` at most."""
    made: list[list[int]] = [[]]
    tokens = 0
    for n, row in enumerate(rows):
        length = len(row.context) - start
        if made[-1] and (tokens + length > MICRO_BATCH or len(made[-1]) == limit):
            made.append([])
            tokens = 0
        made[-1].append(n)
        tokens += length
    return made


def labels(engine: Engine, rows: list[Row]) -> list[list[float]]:
    start = shared(rows)
    engine.start(rows[0].context[:start])
    found: list[list[float]] = []
    most = engine.sequences // (1 + max(len(beginnings(row)) for row in rows))
    for group in groups(rows, start, most):
        found += _label_group(engine, [rows[n] for n in group], start)
    return found


def beginnings(row: Row) -> list[tuple[int, ...]]:
    """Distinct non-empty beginnings of labels, shortest first: each is a sequence of its own."""
    made = {tuple(tokens[:at]) for tokens in row.labels for at in range(1, len(tokens))}
    return sorted(made, key=lambda tokens: (len(tokens), tokens))


def _label_group(engine: Engine, rows: list[Row], start: int) -> list[list[float]]:
    names: dict[Key, int] = {(n, ()): n + 1 for n in range(len(rows))}
    parts = []
    for n, row in enumerate(rows):
        engine.fork(0, n + 1)
        parts.append((n + 1, start, row.context[start:], True))
    known = dict(zip(list(names), log_softmax(engine.decode(parts)), strict=True))
    nodes: list[Key] = [(n, tokens) for n, row in enumerate(rows) for tokens in beginnings(row)]
    for depth in sorted({len(tokens) for _, tokens in nodes}):
        level = [node for node in nodes if len(node[1]) == depth]
        parts = []
        for n, tokens in level:
            names[n, tokens] = len(names) + 1
            engine.fork(names[n, tokens[:-1]], names[n, tokens])
            parts.append((names[n, tokens], len(rows[n].context) + depth - 1, [tokens[-1]], True))
        known |= zip(level, log_softmax(engine.decode(parts)), strict=True)
    for sequence in names.values():
        engine.drop(sequence)
    return [
        [sum(float(known[n, tuple(tokens[:at])][token]) for at, token in enumerate(tokens)) for tokens in row.labels]
        for n, row in enumerate(rows)
    ]


def log_softmax(logits: Any) -> Any:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def greedy(engine: Engine, rows: list[Row]) -> list[list[int]]:
    start = shared(rows)
    engine.start(rows[0].context[:start])
    found: list[list[int]] = []
    for first in range(0, len(rows), TEXT_ROWS):
        found += _text_group(engine, rows[first : first + TEXT_ROWS], start)
    return found


def _text_group(engine: Engine, rows: list[Row], start: int) -> list[list[int]]:
    """A row that has ended leaves the group."""
    said: list[list[int]] = [[] for _ in rows]
    for n in range(len(rows)):
        engine.fork(0, n + 1)
    alive = list(range(len(rows)))
    parts = [(n + 1, start, row.context[start:], True) for n, row in enumerate(rows)]
    for _ in range(engine.job.new_tokens):
        tokens = engine.decode(parts).argmax(-1).tolist()
        new = [(n, token) for n, token in zip(alive, tokens, strict=True) if token != engine.job.eos]
        for n, token in new:
            said[n].append(token)
        alive = [n for n, _ in new]
        if not alive:
            break
        parts = [(n + 1, len(rows[n].context) + len(said[n]) - 1, [token], True) for n, token in new]
    for n in range(len(rows)):
        engine.drop(n + 1)
    return said


if __name__ == "__main__":
    serve(run)
