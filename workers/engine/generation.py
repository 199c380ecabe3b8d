"""Batched greedy decoding of many prompts that share a prefix; a row that is finished leaves its batch.

Where two tokens tied, the row decides by itself, so that no text depends on the rows beside it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from graders.base import Generate, Generated, Rejected
from workers.engine.attention import RowCache
from workers.engine.constrain import Constraint
from workers.engine.models import Base
from workers.engine.prefix import Prefix
from workers.engine.prompts import Prefixes, batches, call_tokens, padded, split
from workers.engine.stopping import Stop
from workers.engine.watch import Watch

DECODE_TOKENS = 16384
"""Tokens of a batch's cache. A step reads all weights for one token a row, so that it takes many rows to be busy."""
TIE_MARGIN = 1e-3
"""Of logits. Where the best two tokens lie closer, the row is read alone up to there, see `scoring.TIE_MARGIN`."""


@dataclass
class Row:
    """One row while it is decoded: its own context tokens, what it has said, and after how many tokens two tied."""

    tokens: list[int]
    said: list[int] = field(default_factory=list)
    text: str | None = None
    ties: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens) + len(self.said)


def generate(base: Base, model: Any, item: Generate, watch: Watch, *, prefixes: Prefixes | None = None) -> Generated:
    """Continues every `prompt + suffix` greedily, until `stop`, end of text or `max_new_tokens`.

    A text ends before the stop string. The stop item `json` ends it after its first complete top-level JSON object.
    Raises `Rejected('prompt_too_long')` beyond the model's context.
    """
    started = time.perf_counter()
    contexts = base.encode_after(item.prompt, item.suffixes)
    check_lengths(base, contexts, item.max_new_tokens)
    whole, prompt = [context or [base.eos] for context in contexts], base.encode([item.prompt])[0]
    cut, kept = split(whole, prompt), prefixes or Prefixes()
    rows = [Row(tokens) for tokens in cut.rows]
    watch.progress(item.stage, 0, len(rows))
    prefix = kept.of(model, cut.shared)
    done = 0
    for batch in batches([len(row.tokens) + item.max_new_tokens for row in rows], DECODE_TOKENS):
        _decode(base, model, prefix, [rows[n] for n in batch], item, watch)
        done += len(batch)
        watch.progress(item.stage, done, len(rows))
    for n in [n for n, row in enumerate(rows) if row.ties]:
        alone = split([whole[n]], prompt)
        rows[n] = _settled(base, model, kept.of(model, alone.shared), alone.rows[0], rows[n], item, watch)
    texts = [row.text or "" for row in rows]
    counts = [len(row.said) for row in rows]
    return Generated(texts, [len(context) for context in contexts], counts, time.perf_counter() - started)


def check_lengths(base: Base, contexts: Sequence[Sequence[int]], new: int) -> None:
    length = max(len(context) for context in contexts) + new
    if length > base.context:
        raise Rejected("prompt_too_long", f"{length} tokens; the model reads at most {base.context}")


def _settled(base: Base, model: Any, prefix: Prefix, tokens: list[int], row: Row, item: Generate, watch: Watch) -> Row:
    """The row with each tie decided by what was said before it, read in a call of its own, and decoded on from there.

    What a tie decides as the row did leaves the rest as it is: later tokens were not close, or are ties too.
    """
    ties, row = row.ties, Row(tokens, row.said, row.text)
    while ties:
        at, *ties = ties
        decided = Row(tokens, row.said[:at])
        _decode(base, model, prefix, [decided], replace(item, max_new_tokens=at + 1), watch)
        if decided.said != row.said[: at + 1]:
            row = Row(tokens, row.said[:at])
            _decode(base, model, prefix, [row], item, watch)
            ties = [later for later in row.ties if later > at]
    return row


@torch.inference_mode()
def _decode(base: Base, model: Any, prefix: Prefix, rows: list[Row], item: Generate, watch: Watch) -> None:
    """Fills `said` and `text` of the rows of one batch, which have said equally much before."""
    stop, start, before = Stop(item.stop), prefix.length, len(rows[0].said)
    lengths = torch.tensor([len(row) for row in rows], device=base.device)
    width = int(lengths.max())
    own = RowCache(len(rows), width + item.max_new_tokens - before)
    last = _read(base, model, prefix, rows, own)
    constraint = _constraint(base, model, item, rows)
    for step in range(item.max_new_tokens - before):
        watch.check()
        tokens, ties = _next(model, last, constraint)
        said = tokens.tolist()
        for n in ties:
            rows[n].ties.append(before + step)
        alive = [n for n, row in enumerate(rows) if not _say(row, said[n], base, stop, item.max_new_tokens)]
        if not alive:
            return
        if len(alive) < len(rows):
            kept = torch.tensor(alive, device=base.device)
            rows, tokens, lengths = [rows[n] for n in alive], tokens[kept], lengths[kept]
            own.keep(kept)
            if constraint is not None:
                constraint.keep(alive)
        positions = (start + lengths + step).unsqueeze(1)
        last = _call(model, tokens.unsqueeze(1), positions, _visible(lengths, width, step + 1), prefix, own)[:, -1]
        own.advance(1)


def _read(base: Base, model: Any, prefix: Prefix, rows: list[Row], own: RowCache) -> Tensor:
    """Reads the rows' contexts, longest first, in calls of similar length; `[B, d]` hidden states of their ends."""
    parts = []
    for batch in batches([len(row) for row in rows], call_tokens(base.device)):
        own.window = slice(batch[0], batch[-1] + 1)
        ids = padded([[*rows[n].tokens, *rows[n].said] for n in batch], base.eos, base.device)
        width = ids.shape[1]
        positions = prefix.length + torch.arange(width, device=base.device).expand(len(batch), -1)
        hidden = _call(model, ids, positions, _causal(width), prefix, own)
        ends = torch.tensor([len(rows[n]) - 1 for n in batch], device=base.device)
        parts.append(hidden[torch.arange(len(batch), device=base.device), ends])
    own.window = slice(None)
    own.advance(max(len(row) for row in rows))
    return torch.cat(parts)


def _constraint(base: Base, model: Any, item: Generate, rows: list[Row]) -> Constraint | None:
    if not item.schema:
        return None
    made = Constraint(base.tokenizer, base.eos, model.lm_head.out_features, item.schema, len(rows))
    for tokens in zip(*(row.said for row in rows), strict=True):
        made.take(list(tokens))
    return made


def _next(model: Any, last: Tensor, constraint: Constraint | None) -> tuple[Tensor, list[int]]:
    """`[B]` likeliest tokens after `[B, d]` hidden states, and the rows where another came close."""
    logits: Tensor = model.lm_head(last)
    if constraint is not None:
        logits = constraint.restrict(logits)
    tokens, best = logits.argmax(-1), logits.topk(2).values
    if constraint is not None:
        constraint.take(tokens.tolist())
    return tokens, torch.nonzero(best[:, 0] - best[:, 1] < TIE_MARGIN).flatten().tolist()


def _say(row: Row, token: int, base: Base, stop: Stop, limit: int) -> bool:
    """Adds a token; sets the row's text and returns true where it has ended."""
    if token == base.eos:
        row.text = base.decode(row.said)
        return True
    row.said.append(token)
    text = base.decode(row.said)
    end = stop.end(text)
    if end is None and len(row.said) < limit:
        return False
    row.text = text if end is None else text[:end]
    return True


def _call(model: Any, ids: Tensor, positions: Tensor, mask: Tensor, prefix: Prefix, own: RowCache) -> Tensor:
    """One pass over new tokens; returns hidden states `[B, Q, d]` and leaves their keys in `own`."""
    out = model.model(
        input_ids=ids,
        position_ids=positions,
        attention_mask=mask.to(model.device, model.dtype).expand(len(ids), -1, -1, -1),
        use_cache=False,
        prefix=prefix,
        own=own,
    )
    hidden: Tensor = out.last_hidden_state
    return hidden


def _causal(width: int) -> Tensor:
    """Additive `[1, 1, Q, Q]`."""
    return torch.full((width, width), -torch.inf).triu(1)[None, None]


def _visible(lengths: Tensor, width: int, new: int) -> Tensor:
    """Additive `[B, 1, 1, width + new]`: a row's own context without its padding, and every new token."""
    padding = torch.arange(width + new, device=lengths.device)[None, :]
    hidden = (padding >= lengths[:, None]) & (padding < width)
    return torch.zeros(hidden.shape, device=lengths.device).masked_fill(hidden, -torch.inf)[:, None, None, :]
