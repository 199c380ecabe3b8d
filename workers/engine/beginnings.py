"""Token ids of many texts that begin alike: their beginning is tokenised once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tokenizers import Tokenizer

OVERLAP = 24
"""Tokens of the beginning, at least, that are read again with each text: what follows may change the last of them."""


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
