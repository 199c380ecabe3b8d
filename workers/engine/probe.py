"""Whether a base model's code fits the fast ways: tried on a few tokens when it is loaded, or first trained over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TypeVar

import torch

from graders.base import Generate, Score, Train
from workers.engine import abilities, generation, gradients, lora, memory, models, plain, scoring
from workers.engine.fused import OTHERWISE
from workers.engine.gradients import ByAutograd, ByHand
from workers.engine.models import Base
from workers.engine.packing import Example
from workers.engine.watch import Watch

Way = TypeVar("Way", ByHand, ByAutograd)

TOLERANCE = 1e-2
PROMPT, SUFFIXES = "One, two, three.\n\n", ("Four,", "Five and six,")
LABELS = Score("", PROMPT, SUFFIXES, (" seven", " eight hundred"))
TEXTS = Generate("", PROMPT, SUFFIXES, 3, ())
PAIRS = Train("", tuple((PROMPT + suffix, " seven") for suffix in SUFFIXES), (), 4, 8, 1e-3, 1, 2, seed=1)
GRADIENTS = 1e-3
"""Largest difference from autograd's, of each matrix' largest."""
ROUNDED = 1.0
"""Nats a row by which bf16 may be off; what does not compute is off by more, or no number."""
ROUNDED_GRADIENT = 0.5
"""The same for all gradients together, of their length; loops have been tried by themselves (`passes.right`)."""


def load(folder: Path, device: str) -> Base:
    """The base model, with the library's own attention, row by row, where the fast path is not right for it."""
    exact = models.load(folder, device, split=False)
    try:
        base = models.load(folder, device)
        if fits(base, exact):
            return base
    except OTHERWISE as error:
        if memory.ran_out(error, shapes_fit=False):
            raise
    print(
        f"runner: {exact.name}: split attention does not fit this model; rows are computed one by one", file=sys.stderr
    )
    return exact


def fits(base: Base, exact: Base) -> bool:
    """Whether split attention finds the log-probabilities and texts that the library's own finds.

    It knows no window: one that is shorter than the context would not show in so few tokens. Raises one of `OTHERWISE`
    where it cannot compute them.
    """
    if (getattr(base.model.config, "sliding_window", None) or base.context) < base.context:
        return False
    fast = scoring.score(base, base.model, LABELS, Watch()).logprobs
    texts = generation.generate(base, base.model, TEXTS, Watch()).texts
    slow = plain.score(exact, exact.model, LABELS, Watch()).logprobs
    close = (abs(a - b) <= TOLERANCE for f, s in zip(fast, slow, strict=True) for a, b in zip(f, s, strict=True))
    return all(close) and texts == plain.generate(exact, exact.model, TEXTS, Watch()).texts


def by_hand(base: Base, *, low: bool) -> bool:
    """Whether what `decoder` finds in fp32 is what autograd finds, losses and gradients; and nearly so with `low`.

    Loops, which take seconds to compile, are compiled for what trainings will use alone.
    """
    machine = abilities.here()
    multiplies = machine.bf16 if low else machine.onednn
    if not (base.split and base.device.type == "cpu" and multiplies):
        return False
    rows = lora.examples(base, PAIRS.rows, base.context)
    try:
        hand = gradients.by_hand(base, PAIRS, low=False, loops=not low)
        same = _agree(hand, gradients.by_autograd(base, PAIRS, low=False), rows)
        if same and low:
            same = _near(gradients.by_hand(base, PAIRS, low=True), hand, rows)
    except OTHERWISE as error:
        if memory.ran_out(error, shapes_fit=False):
            raise
        same = False
    if not same:
        print(f"runner: {base.name}: not built like Llama; training goes by autograd, which is slower", file=sys.stderr)
    return same


def _agree(hand: ByHand, graph: ByAutograd, rows: list[Example]) -> bool:
    losses = _stirred(hand).gradient(rows, 1.0), _stirred(graph).gradient(rows, 1.0)
    pairs = zip(hand.peft.parameters(), graph.peft.parameters(), strict=True)
    found = [(mine.grad, theirs.grad) for mine, theirs in pairs if theirs.grad is not None]
    near = all((mine - theirs).abs().max() <= GRADIENTS * theirs.abs().max() for mine, theirs in found)
    return near and abs(losses[0] - losses[1]) <= TOLERANCE


def _near(low: ByHand, exact: ByHand, rows: list[Example]) -> bool:
    """`exact` has its gradients already. Those of small matrices may be mostly rounding."""
    off = abs(_stirred(low).gradient(rows, 1.0) - exact.loss(rows))
    found, wanted = low.decoder.adapters.grad, exact.decoder.adapters.grad
    return off <= ROUNDED * len(rows) and bool((found - wanted).norm() <= ROUNDED_GRADIENT * wanted.norm())


def _stirred(one: Way) -> Way:
    """The second matrices begin at zero, which would hide the first ones' gradients."""
    chance = torch.Generator().manual_seed(1)
    for name, parameter in one.peft.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.1, generator=chance)
    one.moved()
    return one
