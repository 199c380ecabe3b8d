"""The slow, obvious way: one row, one forward pass, the library's own attention and `generate`.

It serves base models whose code does not fit split attention, which is tried when a model is loaded, and is the measure
of every faster path.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import LogitsProcessor

from graders.base import Generate, Generated, Score, Scored
from workers.engine import attention, generation, memory, models, scoring
from workers.engine.constrain import Constraint
from workers.engine.generation import check_lengths
from workers.engine.models import Base
from workers.engine.stopping import Stop
from workers.engine.watch import Watch
from workers.tokenising import tokenise

UNFIT_ERRORS = (TypeError, AttributeError, KeyError, IndexError, RuntimeError, ValueError)
"""What split attention raises with a model whose code it does not fit."""
TOLERANCE = 1e-2
"""Nats by which log-probabilities of both ways may differ."""
PROMPT, SUFFIXES = "One, two, three.\n\n", ("Four,", "Five and six,")
LABELS = Score("", PROMPT, SUFFIXES, (" seven", " eight hundred"))
TEXTS = Generate("", PROMPT, SUFFIXES, 3, ())


def answer(base: Base, model: Any, item: Score | Generate, watch: Watch) -> Scored | Generated:
    """Like `scoring.score` and `generation.generate`, and raises what they raise."""
    return score(base, model, item, watch) if isinstance(item, Score) else generate(base, model, item, watch)


def score(base: Base, model: Any, item: Score, watch: Watch) -> Scored:
    """Each label's log-likelihood from a forward pass over prompt and label."""
    started = time.perf_counter()
    contexts, tries, counts = tokenise(base, item)
    logprobs = []
    for n, (context, trie) in enumerate(zip(contexts, tries, strict=True)):
        watch.progress(item.stage, n, len(contexts))
        logprobs.append([label_logprob(model, context, [token for _, token in reads]) for reads in trie.reads])
        watch.rows(item.stage, {n: logprobs[n]})
    watch.progress(item.stage, len(contexts), len(contexts))
    return Scored(logprobs, counts, time.perf_counter() - started)


@torch.inference_mode()
def label_logprob(model: Any, context: list[int], label: list[int]) -> float:
    """Natural log-probability of `label` after `context`, both token ids."""
    ids = torch.tensor([context + label], device=model.device)
    logits = model(input_ids=ids).logits[0, len(context) - 1 : -1].float()
    return float(logits.log_softmax(-1).gather(1, ids[0, len(context) :, None]).sum())


class SchemaProcessor(LogitsProcessor):
    """Lets a row of `length` tokens go on with what keeps to a schema alone."""

    def __init__(self, base: Base, schema: str, length: int) -> None:
        self.constraint, self.read = Constraint.of(base, schema, 1), length

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self.constraint.take(0, input_ids[0, self.read :].tolist())
        self.read = input_ids.shape[1]
        return self.constraint.restrict(scores, [[]])


@torch.inference_mode()
def generate(base: Base, model: Any, item: Generate, watch: Watch) -> Generated:
    """The library's greedy decoding, row by row, cut where `stop` says."""
    started, stop = time.perf_counter(), Stop(item.stop)
    contexts = base.encode([item.prompt + suffix for suffix in item.suffixes])
    check_lengths(base, contexts, item.max_new_tokens)
    texts, counts = [], []
    for n, context in enumerate(contexts):
        watch.progress(item.stage, n, len(contexts))
        ids = torch.tensor([context or [base.eos]], device=model.device)
        said = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=item.max_new_tokens,
            do_sample=False,
            eos_token_id=sorted(base.ends),
            pad_token_id=base.eos,
            logits_processor=[SchemaProcessor(base, item.schema, ids.shape[1])] if item.schema else None,
        )[0, ids.shape[1] :].tolist()
        said = list(takewhile(lambda token: token not in base.ends, said))
        text = base.decode(said)
        texts.append(text[: stop.end(text)])
        watch.rows(item.stage, {n: texts[n]})
        # The library goes on after a text that is complete; what it writes there does not count.
        ends = (n for n in range(1, len(said)) if stop.end(base.decode(said[:n])) is not None)
        counts.append(next(ends, len(said)))
    watch.progress(item.stage, len(contexts), len(contexts))
    return Generated(texts, [len(context) for context in contexts], counts, time.perf_counter() - started)


def load_checked(folder: Path, device: str) -> Base:
    """The base model, with the library's own attention, row by row, where the fast path is not right for it.
    One set of weights is asked in both ways."""
    exact = models.load(folder, device, split=False)
    own = exact.model.config._attn_implementation
    slow = score(exact, exact.model, LABELS, Watch()).logprobs, generate(exact, exact.model, TEXTS, Watch()).texts
    try:
        exact.model.set_attn_implementation(attention.NAME)
        base = replace(exact, split=True)
        if fits(base, *slow):
            return base
    except UNFIT_ERRORS as error:
        if memory.ran_out(error, shapes_fit=False):
            raise
    exact.model.set_attn_implementation(own)
    print(
        f"runner: {exact.name}: split attention does not fit this model; rows are computed one by one", file=sys.stderr
    )
    return exact


def fits(base: Base, logprobs: Sequence[Sequence[float]], texts: Sequence[str]) -> bool:
    """Whether split attention finds the log-probabilities and texts that the library's own finds.

    In bf16 both round differently, so that texts are not compared. It knows no window: one that is shorter than the
    context would not show in so few tokens. Raises one of `UNFIT_ERRORS` where it cannot compute them.
    """
    if (getattr(base.model.config, "sliding_window", None) or base.context) < base.context:
        return False
    fast = scoring.score(base, base.model, LABELS, Watch()).logprobs
    pairs = (pair for rows in zip(fast, logprobs, strict=True) for pair in zip(*rows, strict=True))
    close = all(abs(a - b) <= base.tie_margin(TOLERANCE) for a, b in pairs)
    return close and (generation.generate(base, base.model, TEXTS, Watch()).texts == texts or base.in_bf16)
