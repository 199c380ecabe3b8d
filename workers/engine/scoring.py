"""Log-likelihoods of labels after many prompts that share a prefix.

The shared tokens are computed once. Each row's own tokens follow, together with the inner nodes of its label trie, in
one call per batch. Only the positions from which a label is read are projected to the vocabulary.

Where bf16 is faster, a screening pass scores all rows in bf16. A rescoring pass then scores in fp32 the labels of each
row that lie close to its best one. Rows whose best labels tie in fp32 are scored in a call of their own, so that no
label depends on the rows beside it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Any

import torch
from torch import Tensor

from graders.base import Rejected, Score, Scored
from workers.engine import attention
from workers.engine.attention import Prefix, RowLayout, SplitContext
from workers.engine.choice import DEFAULT
from workers.engine.kernels import Kernels
from workers.engine.models import Base
from workers.engine.prompts import Prefixes, call_tokens, calls, split
from workers.engine.watch import FinalRows, Watch
from workers.tokenising import Trie, tokenise

RESCORE_MARGIN = 0.3
"""In nats. Labels that lie closer to the best one in the screening pass are scored again in fp32. The largest error of
a difference to the best label was 0.142, among labels within a nat of it (400 rows, prompts of 100 to 1,000 tokens,
the built-in model)."""
CAUTION = 1.5
"""A row's margin is at least this many times the largest error that its rescoring pass has shown."""
TIE_MARGIN = 1e-3
"""In nats. Rows whose best two labels lie closer in fp32 are scored alone, because other rows in a call change its
rounding errors, by at most 2e-4 in the tests."""
READ_AT_ONCE = 256
"""Positions whose logits are held at a time, 48 MiB for the built-in model."""
FOLLOWED_PARTS = 4
"""A call on the CPU is cut into so many where a learner follows each row. A GPU takes a moment for all rows."""

ReportRows = Callable[[dict[int, list[float]]], None]
"""Called with `[labels]` log-probabilities by row number."""


@dataclass(frozen=True)
class LabelRow:
    """One row after the shared prefix: the rest of its context, then the inner nodes of its label trie."""

    tokens: list[int]
    trie: Trie

    def __len__(self) -> int:
        return len(self.tokens) + len(self.trie.tokens)


def score(
    base: Base,
    model: Any,
    item: Score,
    watch: Watch,
    *,
    screening_copy: Any = None,
    kernels: Kernels | None = None,
    prefixes: Prefixes | None = None,
) -> Scored:
    """Scores every label after every `prompt + suffix`; `model` is the base's, or an adapted copy.

    `screening_copy` is the same model with products in bf16, for a screening pass; it is not used where the item asks
    for exact numbers. Returns natural log-probabilities `[rows][labels]`, the number of tokens of each prompt, and
    seconds. Raises `Rejected('prompt_too_long')` beyond the model's context, and `Rejected('diverged')` where the
    adapter's output is not a number.
    """
    started = time.perf_counter()
    contexts, tries, prompt_tokens = tokenise(base, item)
    prompt = base.encode([item.prompt])[0]
    cut = split(contexts, prompt)
    rows = [LabelRow(tokens, trie) for tokens, trie in zip(cut.rows, tries, strict=True)]
    kept = prefixes or Prefixes()
    job = Job(base, item.stage, rows, cut.shared, watch, kernels or Kernels.of(DEFAULT, base.device.type), kept)
    watch.progress(item.stage, 0, len(rows))
    final = FinalRows(watch, item.stage)
    if screening_copy is not None and not item.exact:
        first = replace(job, kernels=job.kernels.for_screening())
        logprobs = first.run(screening_copy, range(len(rows)), _clear(final, item.offsets, RESCORE_MARGIN))
        _rescore(job, model, logprobs, item.offsets)
    else:
        logprobs = job.run(model, range(len(rows)), _clear(final, item.offsets, base.tie_margin(TIE_MARGIN)))
    for n in [n for n, values in logprobs.items() if margin(values, item.offsets) < base.tie_margin(TIE_MARGIN)]:
        watch.check()
        logprobs[n] = _alone(job, model, contexts[n], tries[n], prompt)
    final.end(logprobs)
    return Scored([logprobs[n] for n in range(len(rows))], prompt_tokens, time.perf_counter() - started)


def _clear(final: FinalRows, offsets: Sequence[float], enough: float) -> ReportRows | None:
    """A function that reports rows whose best label leads by `enough` nats; None where no learner follows them."""

    def tell(logprobs: dict[int, list[float]]) -> None:
        final.tell({n: values for n, values in logprobs.items() if margin(values, offsets) >= enough})

    return tell if final.are_followed else None


def _rescore(job: Job, model: Any, logprobs: dict[int, list[float]], offsets: Sequence[float]) -> None:
    """The rescoring pass: puts fp32 numbers into `logprobs` for the labels of each row that may be the best.

    Where the screening pass was off by nearly the margin in a row, the margin grows and more labels are rescored. An
    error that all labels of a row share can be larger than their errors relative to each other, so the labels that are
    not rescored are shifted by as much as the best one.
    """
    screened = {n: list(values) for n, values in logprobs.items()}
    margins = dict.fromkeys(logprobs, RESCORE_MARGIN)
    close: dict[int, list[int]] = {}
    while True:
        wider = {n: near(screened[n], offsets, margins[n]) for n in (close or screened)}
        close = {n: labels for n, labels in wider.items() if len(labels) > 1 and labels != close.get(n)}
        if not close:
            return
        rows = [LabelRow(row.tokens, row.trie.of(close[n])) if n in close else row for n, row in enumerate(job.rows)]
        for n, values in replace(job, rows=rows).run(model, list(close)).items():
            exact, shifted = dict(zip(close[n], values, strict=True)), _shifted(screened[n], offsets)
            best = max(exact, key=shifted.__getitem__)
            common_error = exact[best] - screened[n][best]
            errors = (CAUTION * abs(value - screened[n][one] - common_error) for one, value in exact.items())
            margins[n] = max(RESCORE_MARGIN, *errors)
            logprobs[n] = [exact.get(label, value + common_error) for label, value in enumerate(screened[n])]


def _alone(job: Job, model: Any, context: list[int], trie: Trie, prompt: list[int]) -> list[float]:
    """`[labels]` log-probabilities that depend on this row and its prompt alone."""
    cut = split([context], prompt)
    alone = replace(job, rows=[LabelRow(cut.rows[0], trie)], shared=cut.shared, watch=Watch())
    return alone.run(model, [0])[0]


def margin(logprobs: Sequence[float], offsets: Sequence[float]) -> float:
    """The distance in nats between the best two labels, after the grader's `offsets` are subtracted."""
    first, second, *_ = [*sorted(_shifted(logprobs, offsets), reverse=True), -math.inf]
    return first - second


def near(logprobs: Sequence[float], offsets: Sequence[float], margin: float) -> list[int]:
    """The numbers of the labels within `margin` nats of the best one, after `offsets` are subtracted."""
    shifted = _shifted(logprobs, offsets)
    best = max(shifted)
    return [label for label, value in enumerate(shifted) if best - value < margin]


def _shifted(logprobs: Sequence[float], offsets: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(logprobs, offsets, strict=True)] if offsets else list(logprobs)


@dataclass(frozen=True)
class Job:
    """One item while it is scored: its rows after the `shared` tokens, and what they are computed with."""

    base: Base
    stage: str
    rows: list[LabelRow]
    shared: list[int]
    watch: Watch
    kernels: Kernels
    prefixes: Prefixes

    def run(self, model: Any, numbers: Sequence[int], tell: ReportRows | None = None) -> dict[int, list[float]]:
        """`[labels]` log-probabilities of these rows, by row number.

        The vocabulary head is applied once to all rows or, with `tell`, to the rows of each call after the call.
        """
        done: list[int] = []
        hidden: list[Tensor] = []
        logprobs: dict[int, list[float]] = {}
        prefix = self.prefixes.of(model, self.shared)
        parts = FOLLOWED_PARTS if tell is not None else 1
        tokens = call_tokens(self.base.device, max(1, self.kernels.call_tokens // parts))
        for batch in calls([len(self.rows[n]) for n in numbers], tokens):
            chosen = [numbers[at] for at in batch]
            hidden.append(self._call(model, prefix, [self.rows[n] for n in chosen]))
            done += chosen
            if tell is not None:
                new = dict(zip(chosen, _read(model, [self.rows[n] for n in chosen], hidden.pop()), strict=True))
                tell(new)
                logprobs |= new
            self.watch.progress(self.stage, len(self.rows) - len(numbers) + len(done), len(self.rows))
        if not hidden:
            return logprobs
        return dict(zip(done, _read(model, [self.rows[n] for n in done], torch.cat(hidden)), strict=True))

    @torch.inference_mode()
    def _call(self, model: Any, prefix: Prefix, rows: list[LabelRow]) -> Tensor:
        """One forward pass: the `[M, d]` hidden states from which labels are read, by row and by node."""
        device, begins = self.base.device, accumulate((len(row) for row in rows), initial=0)
        ends = [begin + len(row.tokens) for begin, row in zip(begins, rows, strict=False)]
        places = [end + node for end, row in zip(ends, rows, strict=True) for node in _nodes(row)]
        ids = [token for row in rows for token in (*row.tokens, *row.trie.tokens)]
        positions = torch.tensor([[*chain(*map(_positions, rows))]], device=device)
        layout = RowLayout.of([_mask(row) for row in rows], device)
        out = model.base_model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=attention.length(prefix) + positions,
            use_cache=False,
            split_context=SplitContext(self.kernels.attend, prefix, layout),
        )
        states: Tensor = out.last_hidden_state[0, torch.tensor(places, device=device)]
        return states


def _nodes(row: LabelRow) -> list[int]:
    """The nodes of a row after which a label's token is read, -1 for the end of the context."""
    return sorted({node for reads in row.trie.reads for node, _ in reads})


def _read(model: Any, rows: Sequence[LabelRow], hidden: Tensor) -> list[list[float]]:
    """`[labels]` log-probabilities of each row, from the `[M, d]` hidden states of all its nodes."""
    places = {place: at for at, place in enumerate((n, node) for n, row in enumerate(rows) for node in _nodes(row))}
    pairs = [sorted({pair for reads in row.trie.reads for pair in reads}) for row in rows]
    wanted = [(n, node, token) for n, of in enumerate(pairs) for node, token in of]
    at = [(places[n, node], token) for n, node, token in wanted]
    values = token_logprobs(model.get_output_embeddings(), hidden, at)
    if not all(value == value and value > -torch.inf for value in values):
        raise Rejected("diverged", "the model's output is not a number")
    read = dict(zip(wanted, values, strict=True))
    return [
        [sum(read[n, node, token] for node, token in reads) for reads in row.trie.reads] for n, row in enumerate(rows)
    ]


@torch.inference_mode()
def token_logprobs(head: Any, hidden: Tensor, wanted: Sequence[tuple[int, int]]) -> list[float]:
    """`hidden` `[M, d]` -> natural log-probability of `token` after position `at`, for each `(at, token)` wanted."""
    at, tokens = torch.tensor(wanted, device=hidden.device).T
    values = hidden.new_empty(len(wanted), dtype=torch.float32)
    for first in range(0, len(hidden), READ_AT_ONCE):
        among = (at >= first) & (at < first + READ_AT_ONCE)
        logits = head(hidden[first : first + READ_AT_ONCE]).float()
        values[among] = logits[at[among] - first, tokens[among]] - logits.logsumexp(1)[at[among] - first]
    listed: list[float] = values.tolist()
    return listed


def _positions(row: LabelRow) -> list[int]:
    """The position ids of a row, counted from its first token; siblings in the trie have the same position."""
    length = len(row.tokens)
    return [*range(length), *(length - 1 + row.trie.depth(node) for node in range(len(row.trie.tokens)))]


def _mask(row: LabelRow) -> Tensor:
    """The row's `[w, w]` attention mask: causal, but among trie nodes each attends to its ancestors and itself only."""
    length, mask = len(row.tokens), torch.ones(len(row), len(row), dtype=torch.bool).tril()
    for node in range(len(row.trie.tokens)):
        mask[length + node, length:] = False
        mask[length + node, [length + other for other in row.trie.lineage(node)]] = True
    return mask
