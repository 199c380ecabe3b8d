"""Batched greedy decoding of many prompts that share a prefix; a row that is finished leaves its batch.

Where two tokens tied, the row decides by itself, so that no text depends on the rows beside it.
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
from workers.engine.attention import Layout, Prefix, RowCache, Sight
from workers.engine.choice import DEFAULT
from workers.engine.constrain import Constraint
from workers.engine.drafts import LONGEST, SURE, SURE_CALL, UNSURE, UNSURE_CALL, Guesses
from workers.engine.kernels import Kernels
from workers.engine.models import Base
from workers.engine.prompts import Contexts, Prefixes, batches, call_tokens, calls, split
from workers.engine.stopping import Stop
from workers.engine.watch import FinalRows, Watch

DECODE_TOKENS = 16384
"""Tokens of a batch's cache. A step reads all weights for one token a row, so that it takes many rows to be busy."""
TIE_MARGIN = 1e-3
"""Of logits. Where the best two tokens lie closer, the row is read alone up to there, see `scoring.TIE_MARGIN`."""


def decode_tokens(device: torch.device) -> int:
    """Tokens of a batch's cache: more on a GPU, where a step of many rows takes as long as one of few."""
    return call_tokens(device, DECODE_TOKENS)


@dataclass
class Row:
    """One row while it is decoded.

    Of its `tokens` the first `shared` are the prefix's, the first `context` were given, the rest is what it has said.
    `ties` says after how many new tokens two tied. `number` is its place in the item.
    """

    tokens: list[int]
    shared: int
    context: int
    text: str | None = None
    ties: list[int] = field(default_factory=list)
    number: int = 0

    @classmethod
    def of(cls, shared: list[int], own: list[int], said: Sequence[int] = (), *, number: int = 0) -> Row:
        return cls([*shared, *own, *said], len(shared), len(shared) + len(own), number=number)

    @property
    def said(self) -> list[int]:
        """New tokens."""
        return self.tokens[self.context :]

    def __len__(self) -> int:
        return len(self.tokens) - self.shared


@dataclass(frozen=True)
class Job:
    """One item on its way, and with what it is computed."""

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

    A text ends before the stop string. The stop item `json` ends it after the JSON object that graders read.
    Raises `Rejected('prompt_too_long')` beyond the model's context.
    """
    started = time.perf_counter()
    contexts = base.encode_after(item.prompt, item.suffixes)
    check_lengths(base, contexts, item.max_new_tokens)
    whole, prompt = [context or [base.eos] for context in contexts], base.encode([item.prompt])[0]
    cut, kept = split(whole, prompt), prefixes or Prefixes()
    rows = [Row.of(cut.shared, tokens, number=n) for n, tokens in enumerate(cut.rows)]
    watch.progress(item.stage, 0, len(rows))
    prefix = kept.of(model, cut.shared)
    final = FinalRows(watch, item.stage)
    job = Job(base, model, item, watch, kernels or Kernels.of(DEFAULT, base.device.type), final)
    done = 0
    for batch in batches([len(row) + item.max_new_tokens for row in rows], decode_tokens(base.device)):
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
    length = max(len(context) for context in contexts) + new
    if length > base.context:
        raise Rejected("prompt_too_long", f"{length} tokens; the model reads at most {base.context}")


def _settled(job: Job, cut: Contexts, prefixes: Prefixes, row: Row) -> Row:
    """The row with each tie decided by what was said before it, read in a call of its own, and decoded on from there.

    What a tie decides as the row did leaves the rest as it is: later tokens were not close, or are ties too.
    """
    prefix = prefixes.of(job.model, cut.shared)
    job = replace(job, final=FinalRows(Watch(), job.item.stage))
    ties = row.ties
    while ties:
        at, *ties = ties
        decided = Row.of(cut.shared, cut.rows[0], row.said[:at])
        _decode(replace(job, item=replace(job.item, max_new_tokens=at + 1)), prefix, [decided])
        if decided.said != row.said[: at + 1]:
            row = Row.of(cut.shared, cut.rows[0], row.said[:at])
            _decode(job, prefix, [row])
            ties = [later for later in row.ties if later > at]
    return row


@torch.inference_mode()
def _decode(job: Job, prefix: Prefix, rows: list[Row]) -> None:
    """Fills in what the rows of one batch, the longest first, say until each has its `text`."""
    base, item = job.base, job.item
    stop, limit = Stop(item.stop), item.max_new_tokens
    own = RowCache(len(rows), max(len(row) - len(row.said) for row in rows) + limit)
    last = _read(job, prefix, rows, own)
    constraint = _constraint(job, rows)
    guesses = Guesses()
    for n, row in enumerate(rows):
        guesses.learn(row.tokens, row.shared if n else 0)
    drafts: list[list[int]] = [[] for _ in rows]
    while True:
        job.watch.check()
        found = iter(_next(job, last, drafts, constraint))
        alive, states = [], iter(torch.split(last, [len(draft) + 1 for draft in drafts]))
        for n, (row, draft) in enumerate(zip(rows, drafts, strict=True)):
            before = len(row.tokens)
            if not _say(row, list(islice(found, len(draft) + 1)), draft, base, stop, limit):
                alive.append(n)
            guesses.learn(row.tokens, before)
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
        drafts = _drafts(rows, guesses, constraint, base.ends, limit)
        ids = [[row.tokens[-1], *draft] for row, draft in zip(rows, drafts, strict=True)]
        last = _call(job, ids, [len(row) - 1 for row in rows], prefix, own)


def _drafts(
    rows: Sequence[Row], guesses: Guesses, constraint: Constraint | None, ends: Set[int], limit: int
) -> list[list[int]]:
    """What each row may say next, as far as a call has room. Nothing is guessed beyond the end of a text."""
    made: list[list[int]] = [[] for _ in rows]
    total = len(rows)
    for order, call in ((SURE, SURE_CALL), (UNSURE, UNSURE_CALL)):
        for n, row in enumerate(rows):
            if made[n] or total >= call:
                continue
            most = min(call - total, limit - len(row.said) - 1)
            draft = guesses.after(row.tokens, min(LONGEST, most), order)
            if constraint is not None:
                draft = constraint.allowed(n, draft)[: max(0, most)]
            made[n] = list(takewhile(lambda token: token not in ends, draft))
            total += len(made[n])
    return made


def _read(job: Job, prefix: Prefix, rows: list[Row], own: RowCache) -> Tensor:
    """Reads the rows' own tokens, longest first, in calls of similar length; `[B, d]` hidden states of their ends."""
    parts, device = [], job.base.device
    for batch in calls([len(row) for row in rows], call_tokens(device, job.kernels.call_tokens)):
        ids = [rows[n].tokens[rows[n].shared :] for n in batch]
        own.window = slice(batch[0], batch[-1] + 1)
        ends = torch.tensor([len(tokens) for tokens in ids], device=device).cumsum(0) - 1
        parts.append(_call(job, ids, [0] * len(ids), prefix, own)[ends])
    own.window = slice(None)
    return torch.cat(parts)


def _constraint(job: Job, rows: list[Row]) -> Constraint | None:
    if not job.item.schema:
        return None
    made = Constraint.of(job.base, job.item.schema, len(rows))
    for n, row in enumerate(rows):
        made.take(n, row.said)
    return made


def _next(
    job: Job, last: Tensor, drafts: Sequence[Sequence[int]], constraint: Constraint | None
) -> list[tuple[int, bool]]:
    """The likeliest token after each of `[N, d]` hidden states, and whether another came close."""
    logits: Tensor = job.model.get_output_embeddings()(last)
    if constraint is not None:
        logits = constraint.restrict(logits, drafts)
    highest, token = logits.max(-1)
    second = logits.scatter_(1, token.unsqueeze(1), -torch.inf).amax(-1)
    return list(zip(token.tolist(), (highest - second < TIE_MARGIN).tolist(), strict=True))


def _say(row: Row, found: Sequence[tuple[int, bool]], draft: Sequence[int], base: Base, stop: Stop, limit: int) -> bool:
    """Adds tokens as long as they follow from what was said: each is what the model says after the draft before it.

    Sets the row's text and returns true where it has ended.
    """
    for at, (token, tied) in enumerate(found):
        if at and draft[at - 1] != row.tokens[-1]:
            return False
        if tied:
            row.ties.append(len(row.said))
        if _ended(row, token, base, stop, limit):
            return True
    return False


def _ended(row: Row, token: int, base: Base, stop: Stop, limit: int) -> bool:
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
    """One pass over new tokens of each row after the `begun` that it has, whose keys it leaves in `own`.

    Returns `[N, d]` hidden states, row by row.
    """
    device = job.base.device
    layout = Layout.after(begun, [len(new) for new in ids], device)
    out = job.model.base_model(
        input_ids=torch.tensor([[token for new in ids for token in new]], device=device),
        position_ids=(attention.length(prefix) + layout.slots).unsqueeze(0),
        use_cache=False,
        sight=Sight(job.kernels.attend, prefix, layout, own),
    )
    found: Tensor = out.last_hidden_state[0]
    return found
