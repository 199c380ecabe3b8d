"""The base models' tokenizers, for counting on the site. Uses the `tokenizers` library, so no torch."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

from tokenizers import Tokenizer

from challenges.models.base_models import data_dir
from challenges.models.catalogue import MODELS
from challenges.models.token_counts import CountTokens


def counter(model: str | None) -> CountTokens | None:
    """Counts a text's tokens as the named base model does, without added special tokens; None if it is not here.

    A name that the catalogue does not know is never looked for on the disk.
    """
    tokenizer = _of(model)
    return tokenizer and (lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))


def splitter(model: str | None) -> Callable[[str], list[str]] | None:
    """Cuts a text into the pieces that the named base model reads, which joined give the text; None as `counter`."""
    tokenizer = _of(model)
    if tokenizer is None:
        return None

    def split(text: str) -> list[str]:
        # Two tokens may share a character; the later one then starts where the earlier one ends.
        ends = [end for _, end in tokenizer.encode(text, add_special_tokens=False).offsets]
        return [text[start:end] for start, end in pairwise((0, *ends)) if end > start]

    return split


def _of(model: str | None) -> Tokenizer | None:
    if model is None or model not in MODELS:
        return None
    path = data_dir() / "models" / model / "tokenizer.json"
    return _load(str(path)) if path.is_file() else None


@lru_cache(maxsize=4)
def _load(path: str) -> Tokenizer:
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
