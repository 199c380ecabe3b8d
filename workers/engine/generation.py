"""Batched greedy decoding of many prompts that share a prefix. A row that is finished leaves its batch.

Where the best two tokens tie, the row is decoded again in a call of its own, so that no text depends on the rows beside
it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice, takewhile
from typing import Any

import torch
from torch import Tensor

from graders.base import Generate, Generated, Rejected
from workers.engine import attention
from workers.engine.attention import Prefix, RowCache, RowLayout, SplitContext
from workers.engine.choice import DEFAULT
from workers.engine.constrain import Constraint
from workers.engine.drafts import (
    DRAFT_TOKENS,
    LONG_MATCH,
    LONG_MATCH_CALL_TOKENS,
    SHORT_MATCH,
    SHORT_MATCH_CALL_TOKENS,
    PromptLookup,
)
from workers.engine.kernels import Kernels
from workers.engine.models import Base
from workers.engine.prompts import Contexts, Prefixes, batches, call_tokens, calls, split
from workers.engine.stopping import Stop
from workers.engine.watch import FinalRows, Watch

DECODE_TOKENS = 16384
"""Tokens of a batch's key-value cache. A step reads all weights for one token of each row, so many rows make it pay.
On a GPU, where a step of many rows takes as long as one of few, there are more."""
TIE_MARGIN = 1e-3
"""A difference of logits. Where the best two tokens lie closer, the row is decided alone; see `scoring.TIE_MARGIN`."""


@dataclass
class TextRow:
    """One row while it is decoded.

    The first `shared` of its `tokens` belong to the shared prefix, the first `context` are its prompt, and the rest are
    new. `ties` holds after how many new tokens the best two tied. `number` is the row's place in the item.
    """

    tokens: list[int]
    shared: int
    context: int
    text: str | None = None
    ties: list[int] = field(default_factory=list)
    number: int = 0

    @classmethod
    def of(cls, shared: list[int], own: list[int], said: Sequence[int] = (), *, number: int = 0) -> TextRow:
        return cls([*shared, *own, *said], len(shared), len(shared) + len(own), number=number)

    @property
    def said(self) -> list[int]:
        """The new tokens."""
        return self.tokens[self.context :]

    def __len__(self) -> int:
        return len(self.tokens) - self.shared


@dataclass(frozen=True)
class Job:
    """One item while it is generated, and what it is computed with."""

    base: Base
    model: Any
    item: Generate
    watch: Watch
    kernels: Kernels
    final: FinalRows


def generate(
    base: Base,
    model: Any,
    item: Generate,
    watch: Watch,
    *,
    kernels: Kernels | None = None,
    prefixes: Prefixes | None = None,
) -> Generated:
    """Continues every `prompt + suffix` greedily, until `stop`, end of text or `max_new_tokens`.

    A text ends before the stop string. The stop item `json` ends it after the JSON object that graders read. Returns
    the texts, the number of prompt tokens and of new tokens of each row, and seconds. Raises
    `Rejected('prompt_too_long')` beyond the model's context.
    """
    started = time.perf_counter()
    contexts = base.encode_after(item.prompt, item.suffixes)
    check_lengths(base, contexts, item.max_new_tokens)
    whole, prompt = [context or [base.eos] for context in contexts], base.encode([item.prompt])[0]
    cut, kept = split(whole, prompt), prefixes or Prefixes()
    rows = [TextRow.of(cut.shared, tokens, number=n) for n, tokens in enumerate(cut.rows)]
    watch.progress(item.stage, 0, len(rows))
    prefix = kept.of(model, cut.shared)
    final = FinalRows(watch, item.stage)
    job = Job(base, model, item, watch, kernels or Kernels.of(DEFAULT, base.device.type), final)
    done = 0
    for batch in batches([len(row) + item.max_new_tokens for row in rows], call_tokens(base.device, DECODE_TOKENS)):
        _decode(job, prefix, [rows[n] for n in batch])
        done += len(batch)
        watch.progress(item.stage, done, len(rows))
    for n in [n for n, row in enumerate(rows) if row.ties]:
        rows[n] = _settled(job, split([whole[n]], prompt), kept, rows[n])
    texts = [row.text or "" for row in rows]
    final.end(dict(enumerate(texts)))
    counts = [len(row.said) for row in rows]
    return Generated(texts, [len(context) for context in contexts], counts, time.perf_counter() - started)


def check_lengths(base: Base, contexts: Sequence[Sequence[int]], new: int) -> None:
    """Raises `Rejected` where a context and `new` tokens exceed what the model reads."""
    length = max(len(context) for context in contexts) + new
    if length > base.context:
        raise Rejected("prompt_too_long", f"{length} tokens; the model reads at most {base.context}")


def _settled(job: Job, cut: Contexts, prefixes: Prefixes, row: TextRow) -> TextRow:
    """The row with each tie decided in a call of its own, and decoded on from there where the decision differs.

    Where a tie is decided as before, the rest stays as it is: later tokens were not close, or are ties themselves.
    """
    prefix = prefixes.of(job.model, cut.shared)
    job = replace(job, final=FinalRows(Watch(), job.item.stage))
    ties = row.ties
    while ties:
        at, *ties = ties
        decided = TextRow.of(cut.shared, cut.rows[0], row.said[:at])
        _decode(replace(job, item=replace(job.item, max_new_tokens=at + 1)), prefix, [decided])
        if decided.said != row.said[: at + 1]:
            row = TextRow.of(cut.shared, cut.rows[0], row.said[:at])
            _decode(job, prefix, [row])
            ties = [later for later in row.ties if later > at]
    return row


@torch.inference_mode()
def _decode(job: Job, prefix: Prefix, rows: list[TextRow]) -> None:
    """Decodes the rows of one batch, the longest first, until each has its `text`."""
    base, item = job.base, job.item
    stop, limit = Stop(item.stop), item.max_new_tokens
    own = RowCache(len(rows), max(len(row) - len(row.said) for row in rows) + limit)
    last = _read(job, prefix, rows, own)
    constraint = _constraint(job, rows)
    lookup = PromptLookup()
    for n, row in enumerate(rows):
        lookup.index(row.tokens, row.shared if n else 0)
    drafts: list[list[int]] = [[] for _ in rows]
    while True:
        job.watch.check()
        said = iter(_next(job, last, drafts, constraint))
        alive, states = [], iter(torch.split(last, [len(draft) + 1 for draft in drafts]))
        for n, (row, draft) in enumerate(zip(rows, drafts, strict=True)):
            before = len(row.tokens)
            if not _say(row, list(islice(said, len(draft) + 1)), draft, base, stop, limit):
                alive.append(n)
            lookup.index(row.tokens, before)
            if constraint is not None:
                constraint.take(n, row.tokens[before:])
            if job.watch.on_tokens is not None:
                job.watch.on_tokens(job, row, before, next(states))
        job.final.tell({row.number: row.text for row in rows if row.text is not None and not row.ties})
        if not alive:
            return
        if len(alive) < len(rows):
            order = own.keep(alive)
            rows = [rows[n] for n in order]
            if constraint is not None:
                constraint.keep(order)
        drafts = _drafts(rows, lookup, constraint, base.ends, limit)
        ids = [[row.tokens[-1], *draft] for row, draft in zip(rows, drafts, strict=True)]
        last = _call(job, ids, [len(row) - 1 for row in rows], prefix, own)


def _drafts(
    rows: Sequence[TextRow], lookup: PromptLookup, constraint: Constraint | None, ends: Set[int], limit: int
) -> list[list[int]]:
    """A draft of each row's next tokens, as far as the call has room; none goes beyond the end of a text."""
    made: list[list[int]] = [[] for _ in rows]
    total = len(rows)
    for order, call in ((LONG_MATCH, LONG_MATCH_CALL_TOKENS), (SHORT_MATCH, SHORT_MATCH_CALL_TOKENS)):
        for n, row in enumerate(rows):
            if made[n] or total >= call:
                continue
            most = min(call - total, limit - len(row.said) - 1)
            draft = lookup.draft(row.tokens, min(DRAFT_TOKENS, most), order)
            if constraint is not None:
                draft = constraint.allowed(n, draft)[: max(0, most)]
            made[n] = list(takewhile(lambda token: token not in ends, draft))
            total += len(made[n])
    return made


def _read(job: Job, prefix: Prefix, rows: list[TextRow], own: RowCache) -> Tensor:
    """Prefills the rows' own tokens, the longest first; returns the `[B, d]` hidden states of their last tokens."""
    parts, device = [], job.base.device
    for batch in calls([len(row) for row in rows], call_tokens(device, job.kernels.call_tokens)):
        ids = [rows[n].tokens[rows[n].shared :] for n in batch]
        own.window = slice(batch[0], batch[-1] + 1)
        ends = torch.tensor([len(tokens) for tokens in ids], device=device).cumsum(0) - 1
        parts.append(_call(job, ids, [0] * len(ids), prefix, own)[ends])
    own.window = slice(None)
    return torch.cat(parts)


def _constraint(job: Job, rows: list[TextRow]) -> Constraint | None:
    if not job.item.schema:
        return None
    made = Constraint.of(job.base, job.item.schema, len(rows))
    for n, row in enumerate(rows):
        made.take(n, row.said)
    return made


def _next(
    job: Job, last: Tensor, drafts: Sequence[Sequence[int]], constraint: Constraint | None
) -> list[tuple[int, bool]]:
    """The likeliest token after each of the `[N, d]` hidden states, and whether the second one ties with it."""
    logits: Tensor = job.model.get_output_embeddings()(last)
    if constraint is not None:
        logits = constraint.restrict(logits, drafts)
    highest, token = logits.max(-1)
    second = logits.scatter_(1, token.unsqueeze(1), -torch.inf).amax(-1)
    return list(zip(token.tolist(), (highest - second < job.base.tie_margin(TIE_MARGIN)).tolist(), strict=True))


def _say(
    row: TextRow, tokens: Sequence[tuple[int, bool]], draft: Sequence[int], base: Base, stop: Stop, limit: int
) -> bool:
    """Adds the model's tokens to the row up to the first drafted token that the model does not say itself.

    `tokens` holds what the model says after the row, and after each token of its `draft`. Sets the row's text and
    returns true where it has ended.
    """
    for at, (token, tied) in enumerate(tokens):
        if at and draft[at - 1] != row.tokens[-1]:
            return False
        if tied:
            row.ties.append(len(row.said))
        if _ended(row, token, base, stop, limit):
            return True
    return False


def _ended(row: TextRow, token: int, base: Base, stop: Stop, limit: int) -> bool:
    """Adds a token; sets the row's text and returns true where it has ended."""
    if token in base.ends:
        row.text = base.decode(row.said)
        return True
    row.tokens.append(token)
    said = row.said
    text = base.decode(said)
    end = stop.end(text)
    if end is None and len(said) < limit:
        return False
    row.text = text if end is None else text[:end]
    return True


def _call(job: Job, ids: Sequence[Sequence[int]], begun: Sequence[int], prefix: Prefix, own: RowCache) -> Tensor:
    """One forward pass over new tokens of each row, behind the `begun` tokens that the row has in the cache `own`.

    Their keys and values are added to the cache. Returns `[N, d]` hidden states, row by row.
    """
    device = job.base.device
    layout = RowLayout.after(begun, [len(new) for new in ids], device)
    out = job.model.base_model(
        input_ids=torch.tensor([[token for new in ids for token in new]], device=device),
        position_ids=(attention.length(prefix) + layout.slot_mapping).unsqueeze(0),
        use_cache=False,
        split_context=SplitContext(job.kernels.attend, prefix, layout, own),
    )
    states: Tensor = out.last_hidden_state[0]
    return states
