"""The prefix that prompts share, its keys and values, and which rows go into one call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch

from workers.engine import hardware
from workers.engine.attention import Prefix
from workers.tokenising import common_tokens

REMAINDER = 1.25
"""How many times as many may be in one call where a few rows would be left for another, which takes as long as many."""
PREFIXES, PREFIX_TOKENS = 3, 4096
"""Prompts whose keys and values are kept, and their tokens in all; one prompt always fits."""
GPU_CALL_TOKENS = 65536
GPU_TOKEN_BYTES = 1 << 18
"""What a token of a call holds for a moment: hidden states, the widest layer's output, attention scores."""


def call_tokens(device: torch.device, tokens: int, each: int = GPU_TOKEN_BYTES) -> int:
    """Tokens of one call: `tokens` on the CPU; on a GPU as many as a quarter of its free memory holds, of `each` bytes,
    and no fewer."""
    if device.type != "cuda":
        return tokens
    return max(tokens, min(GPU_CALL_TOKENS, free_on_gpu(device) // 4 // each))


def free_on_gpu(device: torch.device) -> int:
    """Bytes that this process can still allocate: what the GPU has free and torch keeps, within the process's limit."""
    free, total = torch.cuda.mem_get_info(device)
    used = torch.cuda.memory_allocated(device)
    return max(0, min(free + torch.cuda.memory_reserved(device), hardware.gpu_bytes() or total) - used)


@dataclass(frozen=True)
class Contexts:
    """`shared` tokens begin every row; `rows[n]` is the rest of row n and is never empty."""

    shared: list[int]
    rows: list[list[int]]


def split(contexts: Sequence[list[int]], prompt: list[int]) -> Contexts:
    """Cuts contexts at the longest *token* prefix that they share with their `prompt`, leaving each its last token.

    What rows happen to share beyond the prompt stays theirs: a row's result must not depend on its neighbours.
    """
    length = min(common_tokens([*contexts, prompt]), min(len(context) for context in contexts) - 1)
    return Contexts(list(contexts[0][:length]), [list(context[length:]) for context in contexts])


def batches(lengths: Sequence[int], tokens: int, *, pads: bool = True) -> list[list[int]]:
    """Row numbers, longest first, in batches whose size stays within `tokens` (one row always fits).

    With `pads` each row counts as much as the longest beside it.
    """
    order = sorted(range(len(lengths)), key=lambda n: (-lengths[n], n))
    made: list[list[int]] = []
    size = 0
    for n in order:
        length = lengths[made[-1][0]] if made and pads else lengths[n]
        if made and size + length <= tokens:
            made[-1].append(n)
            size += length
        else:
            made.append([n])
            size = lengths[n]
    return made


def calls(lengths: Sequence[int], tokens: int) -> list[list[int]]:
    """`batches` of a call each; few rows that are left over go with those before them."""
    made = batches(lengths, tokens, pads=False)
    joined = [n for batch in made[-2:] for n in batch]
    if len(made) > 1 and sum(lengths[n] for n in joined) <= REMAINDER * tokens:
        made[-2:] = [joined]
    return made


class Prefixes:
    """Keys and values of shared tokens, kept from job to job for the newest `size` prompts of each set of weights.

    Weights are told apart by identity and forgotten with them, so that one adapter's keys never serve another's job
    (vllm#5475). Results are never kept.
    """

    def __init__(self, size: int = PREFIXES) -> None:
        self._size = size
        self._kept: WeakKeyDictionary[Any, OrderedDict[tuple[int, ...], Prefix]] = WeakKeyDictionary()

    def of(self, model: Any, tokens: Sequence[int]) -> Prefix:
        """The prefix of `tokens` under `model`, computed where it is not kept."""
        kept = self._kept.setdefault(model, OrderedDict())
        key = tuple(tokens)
        if key not in kept:
            kept[key] = run_prefix(model, tokens)
        kept.move_to_end(key)
        while len(kept) > 1 and (len(kept) > self._size or sum(map(len, kept)) > PREFIX_TOKENS):
            kept.popitem(last=False)
        return kept[key]


@torch.inference_mode()
def run_prefix(model: Any, tokens: Sequence[int]) -> Prefix:
    """Runs the shared tokens once and returns their keys and values."""
    if not tokens:
        return ()
    out = model.base_model(input_ids=torch.tensor([list(tokens)], device=model.device), use_cache=True)
    return tuple((layer.keys.contiguous(), layer.values.contiguous()) for layer in out.cache.layers)
