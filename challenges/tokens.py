"""The base models' tokenizers, for counting on the site. Uses the `tokenizers` library, so no torch."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from challenges.lengths import CountTokens

PROJECT = Path(__file__).resolve().parents[1]


def data_dir() -> Path:
    """`GRADUS_DATA_DIR`, or `.data` beside the packages."""
    return Path(os.environ.get("GRADUS_DATA_DIR") or PROJECT / ".data")


def counter(model: str | None) -> CountTokens | None:
    """A function that counts the tokens of a text for the base model, without added special tokens.

    It is None if the model's tokenizer is not on this machine.
    """
    path = data_dir() / "models" / (model or "") / "tokenizer.json"
    tokenizer = _load(str(path)) if model and path.is_file() else None
    if tokenizer is None:
        return None
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


@lru_cache(maxsize=4)
def _load(path: str) -> Tokenizer:
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
