"""Token ids of many texts that begin alike: their beginning is tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

OVERLAP = 24
"""Tokens of the beginning, at least, that are read again with each text: what follows may change the last of them."""
CHECKED = 8
"""How many of these have to come out as they did in the beginning. Where they do not, the text is read whole."""


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text. Special tokens in a text are read as such; none is added."""
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


def encode_after(tokenizer: Tokenizer, beginning: str, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each `beginning + text`, the same as `encode` gives.

    Tokenisers of byte-level BPE cut a text into words by rules that look one character ahead, so that what stands
    before the start of an earlier word is not changed by a later one. Others have no words, or are found out by
    `CHECKED`.
    """
    first = tokenizer.encode(beginning, add_special_tokens=False)
    at = _word_start(first)
    if not at:
        return encode(tokenizer, [beginning + text for text in texts])
    tail = beginning[first.offsets[at][0] :]
    kept, expected = first.ids[:at], first.ids[at : at + CHECKED]
    found = encode(tokenizer, [tail + text for text in texts])
    odd = [n for n, ids in enumerate(found) if ids[:CHECKED] != expected]
    whole = dict(zip(odd, encode(tokenizer, [beginning + texts[n] for n in odd]), strict=True))
    return [whole[n] if n in whole else kept + ids for n, ids in enumerate(found)]


def _word_start(encoding: Any) -> int:
    """The last token that begins a word and has `OVERLAP` tokens from there on; 0 where there is none."""
    words = encoding.word_ids
    candidates = range(len(words) - OVERLAP, 0, -1)
    return next((at for at in candidates if words[at] is not None and words[at] != words[at - 1]), 0)
