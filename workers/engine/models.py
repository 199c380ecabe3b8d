"""Base models on disk and in memory. A folder holds plain safetensors in fp32, so every start is a fast one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from workers.engine import attention


@dataclass(frozen=True)
class Base:
    """A base model that is held in memory. Its weights are never written to.

    `model` is a transformers causal LM in fp32 and eval mode; `context` is in tokens; `digest` is that of the file.
    """

    name: str
    model: Any
    tokenizer: Tokenizer
    eos: int
    context: int
    digest: str

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text. Special tokens in a text are read as such; none is added."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def decode(self, ids: Sequence[int]) -> str:
        """Text of token ids, special tokens left out."""
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text


def load(folder: Path) -> Base:
    """Loads a base model, from safetensors only. Raises `FileNotFoundError` that says how to fetch it."""
    if not (folder / "model.safetensors").is_file():
        raise FileNotFoundError(f"model {folder.name} is missing: run `python -m workers.engine.fetch`")
    attention.register()
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation=attention.NAME,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    model.eval().requires_grad_(False)
    digest = folder / "digest.txt"
    return Base(
        name=folder.name,
        model=model,
        tokenizer=Tokenizer.from_file(str(folder / "tokenizer.json")),
        eos=_eos(model.config.eos_token_id),
        context=model.config.max_position_embeddings,
        digest=digest.read_text().strip() if digest.is_file() else "",
    )


def _eos(value: int | list[int]) -> int:
    return value[0] if isinstance(value, list) else value
