"""Log-likelihoods of labels after many prompts that share a prefix.

The shared tokens run once. Each row's own tokens follow, together with the inner nodes of its label trie, in one
call per batch; only the positions that a label reads from are projected to the vocabulary. Where bf16 is faster, all
rows are scored in bf16 first; where the best labels of a row lie close, these are scored again in fp32. A tie is
decided by a call of its own, so that no label depends on the rows beside it.
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
from workers.engine.attention import Layout, Prefix, Sight
from workers.engine.choice import DEFAULT
from workers.engine.kernels import Kernels
from workers.engine.models import Base
from workers.engine.prompts import Prefixes, call_tokens, calls, common_tokens, split
from workers.engine.watch import FinalRows, Watch

RECHECK_MARGIN = 0.3
"""In nats. Labels that lie closer to the best one in bf16 are compared in fp32. Differences to the best label of those
within a nat were seen to be off by up to 0.142 (400 rows, prompts of 100 to 1,000 tokens, the built-in model)."""
CAUTION = 1.5
"""How many times the largest error that a row has shown its margin is at least."""
TIE_MARGIN = 1e-3
"""In nats. Rows whose best two labels lie closer in fp32 are decided alone: other rows in a call move its rounding, by
up to 2e-4 as the tests bound it."""
READ_AT_ONCE = 256
"""Positions whose logits are held at a time, 48 MiB for the built-in model."""
FOLLOWED_PARTS = 4
"""Into how many a call on the CPU is cut where somebody waits for each row. A GPU takes a moment for all rows."""

Read = Callable[[dict[int, list[float]]], None]


@dataclass(frozen=True)
class Trie:
    """Labels' tokens as a tree whose root is the last context token.

    `tokens` and `parents` (-1 is the root) are those of the inner nodes; `reads[l]` holds label l's
    `(node, token)` pairs: the log-probability of `token` is read after `node`.
    """

    tokens: tuple[int, ...]
    parents: tuple[int, ...]
    reads: tuple[tuple[tuple[int, int], ...], ...]

    def depth(self, node: int) -> int:
        """Steps from the root; the root itself is at 0."""
        return 0 if node < 0 else 1 + self.depth(self.parents[node])

    def lineage(self, node: int) -> list[int]:
        """The node and its ancestors below the root."""
        return [] if node < 0 else [node, *self.lineage(self.parents[node])]

    def of(self, labels: Sequence[int]) -> Trie:
        """That of some of the labels."""
        return _trie([[token for _, token in self.reads[label]] for label in labels])


@dataclass(frozen=True)
class Row:
    """One row after the shared prefix: the rest of its context, then its trie."""

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
    rounded: Any = None,
    kernels: Kernels | None = None,
    prefixes: Prefixes | None = None,
) -> Scored:
    """Scores every label after every `prompt + suffix`; `model` is the base's, or an adapted copy.

    `rounded` is the same model with products in bf16, for a first pass; it is not used where the item asks for exact
    numbers. Raises `Rejected('prompt_too_long')` beyond the model's context and `Rejected('diverged')` where the
    adapter yields numbers that are none.
    """
    started = time.perf_counter()
    contexts, tries, prompt_tokens = tokenise(base, item)
    prompt = base.encode([item.prompt])[0]
    cut = split(contexts, prompt)
    rows = [Row(tokens, trie) for tokens, trie in zip(cut.rows, tries, strict=True)]
    kept = prefixes or Prefixes()
    job = Job(base, item.stage, rows, cut.shared, watch, kernels or Kernels.of(DEFAULT, base.device.type), kept)
    watch.progress(item.stage, 0, len(rows))
    final = FinalRows(watch, item.stage)
    if rounded is not None and not item.exact:
        first = replace(job, kernels=job.kernels.rounded())
        logprobs = first.run(rounded, range(len(rows)), _clear(final, item.offsets, RECHECK_MARGIN))
        _decide(job, model, logprobs, item.offsets)
    else:
        logprobs = job.run(model, range(len(rows)), _clear(final, item.offsets, TIE_MARGIN))
    for n in [n for n, values in logprobs.items() if margin(values, item.offsets) < TIE_MARGIN]:
        watch.check()
        logprobs[n] = _alone(job, model, contexts[n], tries[n], prompt)
    final.end(logprobs)
    return Scored([logprobs[n] for n in range(len(rows))], prompt_tokens, time.perf_counter() - started)


def _clear(final: FinalRows, offsets: Sequence[float], enough: float) -> Read | None:
    """Reports rows whose best label leads by `enough` nats, so that they are not computed again; None: nobody looks."""

    def tell(found: dict[int, list[float]]) -> None:
        final.tell({n: values for n, values in found.items() if margin(values, offsets) >= enough})

    return tell if final.are_followed else None


def _decide(job: Job, model: Any, logprobs: dict[int, list[float]], offsets: Sequence[float]) -> None:
    """Puts fp32 numbers where a row's best labels lie close: those of the labels that may be the best.

    Where the first look of a row was off by nearly the margin, more of its labels are compared. What all labels of a
    row have in common may be off by more than they are among each other: the others move with the best one.
    """
    first, margins = {n: list(values) for n, values in logprobs.items()}, dict.fromkeys(logprobs, RECHECK_MARGIN)
    close: dict[int, list[int]] = {}
    while True:
        wider = {n: near(first[n], offsets, margins[n]) for n in (close or first)}
        close = {n: labels for n, labels in wider.items() if len(labels) > 1 and labels != close.get(n)}
        if not close:
            return
        rows = [Row(row.tokens, row.trie.of(close[n])) if n in close else row for n, row in enumerate(job.rows)]
        for n, values in replace(job, rows=rows).run(model, list(close)).items():
            found, rough = dict(zip(close[n], values, strict=True)), _shifted(first[n], offsets)
            best = max(found, key=rough.__getitem__)
            moved = found[best] - first[n][best]
            errors = (CAUTION * abs(value - first[n][one] - moved) for one, value in found.items())
            margins[n] = max(RECHECK_MARGIN, *errors)
            logprobs[n] = [found.get(label, value + moved) for label, value in enumerate(first[n])]


def _alone(job: Job, model: Any, context: list[int], trie: Trie, prompt: list[int]) -> list[float]:
    """`[labels]` log-probabilities that depend on this row and its prompt only."""
    cut = split([context], prompt)
    alone = replace(job, rows=[Row(cut.rows[0], trie)], shared=cut.shared, watch=Watch())
    return alone.run(model, [0])[0]


def margin(logprobs: Sequence[float], offsets: Sequence[float]) -> float:
    """Distance in nats between the best two labels, once what the grader will subtract is subtracted."""
    first, second, *_ = [*sorted(_shifted(logprobs, offsets), reverse=True), -math.inf]
    return first - second


def near(logprobs: Sequence[float], offsets: Sequence[float], margin: float) -> list[int]:
    """The labels that may be the best: those within `margin` of the one that is."""
    shifted = _shifted(logprobs, offsets)
    best = max(shifted)
    return [label for label, value in enumerate(shifted) if best - value < margin]


def _shifted(logprobs: Sequence[float], offsets: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(logprobs, offsets, strict=True)] if offsets else list(logprobs)


@dataclass(frozen=True)
class Job:
    """One item on its way: its rows after the `shared` tokens, and with what they are computed."""

    base: Base
    stage: str
    rows: list[Row]
    shared: list[int]
    watch: Watch
    kernels: Kernels
    prefixes: Prefixes

    def run(self, model: Any, numbers: Sequence[int], tell: Read | None = None) -> dict[int, list[float]]:
        """`[labels]` log-probabilities of these rows, by row number.

        The head reads all rows at once; where `tell` wants to know, it reads each call's rows after the call.
        """
        done: list[int] = []
        hidden: list[Tensor] = []
        found: dict[int, list[float]] = {}
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
                found |= new
            self.watch.progress(self.stage, len(self.rows) - len(numbers) + len(done), len(self.rows))
        if not hidden:
            return found
        return dict(zip(done, _read(model, [self.rows[n] for n in done], torch.cat(hidden)), strict=True))

    @torch.inference_mode()
    def _call(self, model: Any, prefix: Prefix, rows: list[Row]) -> Tensor:
        """One pass: `[M, d]` hidden states where labels are read, row by row, node by node."""
        device, begins = self.base.device, accumulate((len(row) for row in rows), initial=0)
        ends = [begin + len(row.tokens) for begin, row in zip(begins, rows, strict=False)]
        places = [end + node for end, row in zip(ends, rows, strict=True) for node in _nodes(row)]
        ids = [token for row in rows for token in (*row.tokens, *row.trie.tokens)]
        positions = torch.tensor([[*chain(*map(_positions, rows))]], device=device)
        layout = Layout.of([_seen(row) for row in rows], device)
        out = model.base_model(
            input_ids=torch.tensor([ids], device=device),
            position_ids=attention.length(prefix) + positions,
            use_cache=False,
            sight=Sight(self.kernels.attend, prefix, layout),
        )
        found: Tensor = out.last_hidden_state[0, torch.tensor(places, device=device)]
        return found


def tokenise(base: Base, item: Score) -> tuple[list[list[int]], list[Trie], list[int]]:
    """Contexts, label tries and prompt lengths in tokens.

    Prompt and label are tokenised together, as a model would read them: where the seam merges, the label's tokens
    begin earlier, for all labels of the row at the same place.
    """
    prompts = base.encode_after(item.prompt, item.suffixes)
    whole = base.encode_after(item.prompt, [suffix + label for suffix in item.suffixes for label in item.labels])
    alone = base.encode(item.labels)
    contexts, tries = [], []
    for n, prompt in enumerate(prompts):
        joined = whole[n * len(item.labels) : (n + 1) * len(item.labels)]
        context, labels = _seam(prompt or [base.eos], joined, alone)
        _check_length(base, context, labels)
        contexts.append(context)
        tries.append(_trie(labels))
    return contexts, tries, [len(prompt) for prompt in prompts]


def _seam(prompt: list[int], joined: list[list[int]], alone: list[list[int]]) -> tuple[list[int], list[list[int]]]:
    """Where no token survives the join, labels are read as tokenised by themselves."""
    start = common_tokens([prompt, *joined])
    if start == 0:
        return prompt, alone
    return prompt[:start], [tokens[start:] for tokens in joined]


def _check_length(base: Base, context: list[int], labels: list[list[int]]) -> None:
    length = len(context) + max(len(label) for label in labels)
    if length > base.context:
        raise Rejected("prompt_too_long", f"{length} tokens; the model reads at most {base.context}")


def _trie(labels: Sequence[Sequence[int]]) -> Trie:
    """Labels share the nodes that they have in common."""
    inner: dict[tuple[int, ...], int] = {(): -1}
    tokens: list[int] = []
    parents: list[int] = []
    for label in labels:
        for end in range(1, len(label)):
            path = tuple(label[:end])
            if path not in inner:
                inner[path] = len(tokens)
                tokens.append(path[-1])
                parents.append(inner[path[:-1]])
    reads = tuple(tuple((inner[tuple(label[:i])], label[i]) for i in range(len(label))) for label in labels)
    return Trie(tuple(tokens), tuple(parents), reads)


def _nodes(row: Row) -> list[int]:
    """Where a row's labels are read."""
    return sorted({node for reads in row.trie.reads for node, _ in reads})


def _read(model: Any, rows: Sequence[Row], hidden: Tensor) -> list[list[float]]:
    """`[labels]` log-probabilities of each row from its hidden states."""
    places = {place: at for at, place in enumerate((n, node) for n, row in enumerate(rows) for node in _nodes(row))}
    pairs = [sorted({pair for reads in row.trie.reads for pair in reads}) for row in rows]
    wanted = [(n, node, token) for n, of in enumerate(pairs) for node, token in of]
    at = [(places[n, node], token) for n, node, token in wanted]
    values = token_logprobs(model.get_output_embeddings(), hidden, at)
    if not all(value == value and value > -torch.inf for value in values):
        raise Rejected("diverged", "the model's output is not a number")
    found = dict(zip(wanted, values, strict=True))
    return [
        [sum(found[n, node, token] for node, token in reads) for reads in row.trie.reads] for n, row in enumerate(rows)
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
    found: list[float] = values.tolist()
    return found


def _positions(row: Row) -> list[int]:
    """Places in the text: siblings of a trie stand at the same one."""
    length = len(row.tokens)
    return [*range(length), *(length - 1 + row.trie.depth(node) for node in range(len(row.trie.tokens)))]


def _seen(row: Row) -> Tensor:
    """`[w, w]`, which token sees which: those before it and itself, but a trie node its own ancestors only."""
    length, seen = len(row.tokens), torch.ones(len(row), len(row), dtype=torch.bool).tril()
    for node in range(len(row.trie.tokens)):
        seen[length + node, length:] = False
        seen[length + node, [length + other for other in row.trie.lineage(node)]] = True
    return seen
