"""The base models' tokenizers, for counting on the site. Uses the `tokenizers` library, so no torch."""

from __future__ import annotations

from functools import lru_cache

from tokenizers import Tokenizer

from challenges.catalogue import MODELS
from challenges.data_folder import data_dir
from challenges.token_counts import CountTokens


def counter(model: str | None) -> CountTokens | None:
    """Counts a text's tokens as the named base model does, without added special tokens; None if it is not here.

    A name that the catalogue does not know is never looked for on the disk.
    """
    if model is None or model not in MODELS:
        return None
    path = data_dir() / "models" / model / "tokenizer.json"
    if not path.is_file():
        return None
    tokenizer = _load(str(path))
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


@lru_cache(maxsize=4)
def _load(path: str) -> Tokenizer:
    tokenizer = Tokenizer.from_file(path)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
