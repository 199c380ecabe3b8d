"""Log-likelihoods of labels after many prompts that share a prefix.

The shared tokens run once. Each row's own tokens follow, together with the inner nodes of its label trie, in one
call per batch; only the positions that a label reads from are projected to the vocabulary. Where bf16 is faster, all
rows are scored in bf16 first; where the best labels of a row lie close, these are scored again in fp32. A tie is
decided by a call of its own, so that no label depends on the rows beside it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import Any

import torch
from torch import Tensor

from graders.base import Rejected, Score, Scored
from workers.engine import fused
from workers.engine.compiled import Sight, in_line
from workers.engine.head import token_logprobs
from workers.engine.linear import keeps_sums
from workers.engine.models import Base
from workers.engine.prefix import Prefix
from workers.engine.prompts import Prefixes, calls, common_tokens, padded, split
from workers.engine.watch import Watch

RECHECK_MARGIN, ROUNDED_MARGIN = 0.18, 0.3
"""In nats. Labels that lie closer to the best one in bf16 are compared in fp32: where sums are kept in fp32, and where
they are rounded. Differences to the best label of those within a nat were seen to be off by up to 0.14 and 0.19 (2,000
and 900 rows, prompts of 100 to 1,000 tokens, the built-in model)."""
CAUTION = 1.5
"""How many times the largest error that a row has shown its margin is at least."""
TIE_MARGIN = 1e-3
"""In nats. Rows whose best two labels lie closer in fp32 are decided alone: other rows in a call move its rounding, by
up to 2e-4 as the tests bound it."""


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
    base: Base, model: Any, item: Score, watch: Watch, *, rounded: Any = None, prefixes: Prefixes | None = None
) -> Scored:
    """Scores every label after every `prompt + suffix`; `model` is the base's, or an adapted copy.

    `rounded` is the same model with bf16 products, for a first pass (not used where the item asks for exact numbers).
    Raises `Rejected('prompt_too_long')` beyond the model's context and `Rejected('diverged')` where the adapter yields
    numbers that are none.
    """
    started = time.perf_counter()
    contexts, tries, prompt_tokens = tokenise(base, item)
    prompt = base.encode([item.prompt])[0]
    cut = split(contexts, prompt)
    rows = [Row(tokens, trie) for tokens, trie in zip(cut.rows, tries, strict=True)]
    kept = prefixes or Prefixes()
    prefix = kept.of(model, cut.shared)
    job = Job(base, item.stage, rows, watch)
    watch.progress(item.stage, 0, len(rows))
    if rounded is not None and not item.exact:
        logprobs = job.run(rounded, prefix.rounded(rounded.dtype), range(len(rows)))
        margin_at_first = RECHECK_MARGIN if keeps_sums(rounded) else ROUNDED_MARGIN
        _decide(job, model, prefix, logprobs, item.offsets, margin_at_first)
    else:
        logprobs = job.run(model, prefix, range(len(rows)))
    for n in [n for n, values in logprobs.items() if margin(values, item.offsets) < TIE_MARGIN]:
        watch.check()
        logprobs[n] = _alone(base, model, contexts[n], tries[n], prompt, kept)
    return Scored([logprobs[n] for n in range(len(rows))], prompt_tokens, time.perf_counter() - started)


def _decide(
    job: Job, model: Any, prefix: Prefix, logprobs: dict[int, list[float]], offsets: Sequence[float], margin: float
) -> None:
    """Puts fp32 numbers where a row's best labels lie close: those of the labels that may be the best.

    Where the first look of a row was off by nearly the margin, more of its labels are compared. What all labels of a
    row have in common may be off by more than they are among each other: the others move with the best one.
    """
    first, margins = {n: list(values) for n, values in logprobs.items()}, dict.fromkeys(logprobs, margin)
    close: dict[int, list[int]] = {}
    while True:
        wider = {n: near(first[n], offsets, margins[n]) for n in (close or first)}
        close = {n: labels for n, labels in wider.items() if len(labels) > 1 and labels != close.get(n)}
        if not close:
            return
        rows = [Row(row.tokens, row.trie.of(close[n])) if n in close else row for n, row in enumerate(job.rows)]
        for n, values in replace(job, rows=rows).run(model, prefix, list(close)).items():
            found, rough = dict(zip(close[n], values, strict=True)), _shifted(first[n], offsets)
            best = max(found, key=rough.__getitem__)
            moved = found[best] - first[n][best]
            margins[n] = max(margin, *(CAUTION * abs(value - first[n][one] - moved) for one, value in found.items()))
            logprobs[n] = [found.get(label, value + moved) for label, value in enumerate(first[n])]


def _alone(
    base: Base, model: Any, context: list[int], trie: Trie, prompt: list[int], prefixes: Prefixes
) -> list[float]:
    """`[labels]` log-probabilities that depend on this row and its prompt only."""
    cut = split([context], prompt)
    row = Row(cut.rows[0], trie)
    (found,) = _read(model, [row], _run(base, model, prefixes.of(model, cut.shared), [row]))
    return found


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
    """One item on its way."""

    base: Base
    stage: str
    rows: list[Row]
    watch: Watch

    def run(self, model: Any, prefix: Prefix, numbers: Sequence[int]) -> dict[int, list[float]]:
        """`[labels]` log-probabilities of these rows, by row number. The head reads all of them at once."""
        done: list[int] = []
        hidden: list[Tensor] = []
        lengths = [len(self.rows[n]) for n in numbers]
        for batch in calls(lengths, self.base.device, pads=not in_line(self.base.device, max(lengths, default=0))):
            chosen = [numbers[at] for at in batch]
            hidden.append(_run(self.base, model, prefix, [self.rows[n] for n in chosen]))
            done += chosen
            self.watch.progress(self.stage, len(self.rows) - len(numbers) + len(done), len(self.rows))
        if not done:
            return {}
        return dict(zip(done, _read(model, [self.rows[n] for n in done], torch.cat(hidden)), strict=True))


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


def _run(base: Base, model: Any, prefix: Prefix, rows: list[Row]) -> Tensor:
    """One call: `[M, d]` hidden states where labels are read, row by row, node by node.

    The rows stand one after another, or below one another and padded where attention could not tell them apart.
    """
    width, device = max(len(row) for row in rows), base.device
    tokens, positions = [[*row.tokens, *row.trie.tokens] for row in rows], [_positions(row) for row in rows]
    seen = [_seen(row) for row in rows]
    sizes = [width] * len(rows)
    if line := in_line(device, width):
        tokens, positions, sizes = [[*chain(*tokens)]], [[*chain(*positions)]], [len(row) for row in rows]
    begins = [end - size for end, size in zip(accumulate(sizes), sizes, strict=True)]
    places = [begin + len(row.tokens) + node for begin, row in zip(begins, rows, strict=True) for node in _nodes(row)]
    return fused.states(
        model,
        padded(tokens, base.eos, device),
        torch.tensor(places, device=device),
        position_ids=prefix.length + padded(positions, 0, device),
        attention_mask=None if line else _mask(seen, width).to(device, model.dtype),
        use_cache=False,
        prefix=prefix,
        sight=Sight.of_rows(seen) if line else None,
    )


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


def _mask(rows: Sequence[Tensor], width: int) -> Tensor:
    """Additive `[B, 1, width, width]` of what each row has seen; padding sees itself."""
    made = torch.full((len(rows), 1, width, width), -torch.inf)
    made.diagonal(dim1=2, dim2=3).zero_()
    for n, seen in enumerate(rows):
        made[n, 0, : len(seen), : len(seen)].masked_fill_(seen, 0)
    return made
