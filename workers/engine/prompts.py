"""Prompts as token ids: tokenising many that begin alike, their shared prefix, and which rows go into one call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import torch
from tokenizers import Tokenizer

from workers.engine import hardware
from workers.engine.attention import Prefix

REMAINDER = 1.25
"""How many times as many may be in one call where a few rows would be left for another, which takes as long as many."""
PREFIXES, PREFIX_TOKENS = 3, 4096
"""Prompts whose keys and values are kept, and their tokens in all; one prompt always fits."""
OVERLAP = 24
"""Tokens of a shared beginning, at least, that are tokenised again with each text: it may change the last of them."""
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


def common_tokens(sequences: Sequence[list[int]]) -> int:
    """Length of the longest common prefix."""
    low, high = min(sequences), max(sequences)
    differing = (at for at, (one, other) in enumerate(zip(low, high, strict=False)) if one != other)
    return next(differing, min(len(low), len(high)))


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


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text. Special tokens in a text are read as such; none is added."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def encode_after(tokenizer: Tokenizer, beginning: str, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each `beginning + text`, the same as `encode` gives.

    Tokenisers cut a text into words from left to right by rules that look a little ahead, so that what stands before
    the start of an earlier word is not changed by a later one. The beginning's last words have to give the same tokens
    by themselves as behind the others; where they do not, or a tokeniser has no words, texts are read whole.
    """
    first = tokenizer.encode(beginning, add_special_tokens=False)
    at = _word_start(first)
    tail = beginning[first.offsets[at][0] :] if at else ""
    # Blanks to the end are one word with whatever blanks follow, and some rules look beyond all of them.
    if not tail.strip() or encode(tokenizer, [tail]) != [first.ids[at:]]:
        return encode(tokenizer, [beginning + text for text in texts])
    return [first.ids[:at] + ids for ids in encode(tokenizer, [tail + text for text in texts])]


def _word_start(encoding: Any) -> int:
    """The last token that begins a word and has `OVERLAP` tokens from there on; 0 where there is none."""
    words = encoding.word_ids
    candidates = range(len(words) - OVERLAP, 0, -1)
    return next((at for at in candidates if words[at] is not None and words[at] != words[at - 1]), 0)
