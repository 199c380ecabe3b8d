"""Our checkpoint as GGUF with unquantised weights, so that llama.cpp computes with the same numbers.

GGUF: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. llama.cpp rotates neighbouring pairs of a head where
transformers rotates its halves, so the rows of query and key projections change places.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from safetensors import safe_open

LAYER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
TOP = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}


def write(checkpoint: Path, file: Path, dtype: str) -> None:
    """Matrices in `dtype`, norms in fp32."""
    config = json.loads((checkpoint / "config.json").read_text())
    writer = gguf.GGUFWriter(file, "llama")
    _describe(writer, config)
    _add_tokenizer(writer, json.loads((checkpoint / "tokenizer.json").read_text()), config)
    with safe_open(checkpoint / "model.safetensors", "numpy") as weights:
        for name in weights.keys():  # noqa: SIM118 - not a mapping
            _add(writer, name, weights.get_tensor(name), config, dtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: Any, config: dict[str, Any]) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])


def _add_tokenizer(writer: Any, tokenizer: dict[str, Any], config: dict[str, Any]) -> None:
    """Loaded, but not used: rows come as token ids."""
    vocabulary = tokenizer["model"]["vocab"] | {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    special = {token["id"] for token in tokenizer["added_tokens"]}
    tokens = {number: token for token, number in vocabulary.items()}
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in tokenizer["model"]["merges"]]
    size = range(config["vocab_size"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list([tokens.get(number, f"[unused{number}]") for number in size])
    kinds = gguf.TokenType
    writer.add_token_types(
        [kinds.CONTROL if n in special else kinds.NORMAL if n in tokens else kinds.UNUSED for n in size]
    )
    writer.add_token_merges(merges)
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])


def _add(writer: Any, name: str, values: Any, config: dict[str, Any], dtype: str) -> None:
    base = name.removesuffix(".weight")
    if base.endswith("q_proj"):
        values = pairwise(values, config["num_attention_heads"])
    elif base.endswith("k_proj"):
        values = pairwise(values, config["num_key_value_heads"])
    values = np.ascontiguousarray(values, dtype=np.float32)
    if dtype == "bfloat16" and values.ndim > 1:
        kind = gguf.GGMLQuantizationType.BF16
        writer.add_tensor(_name(base), gguf.quants.quantize(values, kind), raw_dtype=kind)
    else:
        writer.add_tensor(_name(base), values)


def _name(base: str) -> str:
    if base in TOP:
        return f"{TOP[base]}.weight"
    _, _, layer, part = base.split(".", 3)
    return f"blk.{layer}.{LAYER[part]}.weight"


def pairwise(weight: Any, heads: int) -> Any:
    """`[heads * size, d]`: row j of a head's first half and row j of its second become neighbours."""
    rows, width = weight.shape
    halves = weight.reshape(heads, 2, rows // heads // 2, width)
    return halves.transpose(0, 2, 1, 3).reshape(rows, width)
