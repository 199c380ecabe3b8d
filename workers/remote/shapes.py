"""Whether an adapter's weights fit a base model, by the files' headers alone: neither's weights are read.

vLLM 0.32 fills up an adapter that is too small, leaves out layers that it lacks, and says nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

HEADER_MOST = 16 * 1024**2
WEIGHT = re.compile(r"base_model\.model\.(?P<path>.+)\.(?P<module>[A-Za-z0-9_]+)\.lora_(?P<side>[AB])\.weight")
LAYER = re.compile(r"\.(\d+)\.")
LAYERS = ("num_hidden_layers", "n_layer", "num_layers")


def fits(weights: bytes, rank: int, config: Mapping[str, Any]) -> bool:
    """Whether each weight has the adapter's rank and the width of its module in the base of this configuration.

    Of a module that only some architectures have, just rank and layer are compared.

    Raises `ValueError` where the bytes are not a safetensors file of LoRA weights.
    """
    sizes, layers = _sizes(config), set()
    for name, shape in _shapes(weights).items():
        found = WEIGHT.fullmatch(name)
        if found is None or len(shape) != 2:
            raise ValueError("the adapter holds something else than LoRA weights")
        layers |= {int(place[1]) for place in [LAYER.search(f"{found['path']}.")] if place}
        width, own_rank = shape[::-1] if found["side"] == "A" else shape
        known = sizes.get(found["module"])
        if own_rank != rank or (known and width != known[found["side"] == "B"]):
            return False
    count = next((size for key in LAYERS if (size := config.get(key))), len(layers))
    return layers == set(range(count))


def _shapes(weights: bytes) -> dict[str, list[int]]:
    """The shape of each tensor, from the header: its length in eight bytes, then JSON."""
    length = int.from_bytes(weights[:8], "little")
    if length > min(HEADER_MOST, len(weights)):
        raise ValueError("not a safetensors file")
    try:
        header = json.loads(weights[8 : 8 + length])
        return {name: list(map(int, facts["shape"])) for name, facts in header.items() if name != "__metadata__"}
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError("not a safetensors file") from error


def _sizes(config: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """How many values go into and come out of the linear layers that most models have, by the layer's name.

    Empty for models whose layers differ in size among themselves, or which state no such sizes.
    """
    hidden, inner, heads = (config.get(key) for key in ("hidden_size", "intermediate_size", "num_attention_heads"))
    differ = any(key.endswith("_head_dim") for key in config)
    if differ or not (isinstance(hidden, int) and isinstance(inner, int) and isinstance(heads, int)):
        return {}
    each = config.get("head_dim") or hidden // heads
    queries, keys = heads * each, (config.get("num_key_value_heads") or heads) * each
    return {
        "q_proj": (hidden, queries),
        "k_proj": (hidden, keys),
        "v_proj": (hidden, keys),
        "o_proj": (queries, hidden),
        "gate_proj": (hidden, inner),
        "up_proj": (hidden, inner),
        "down_proj": (inner, hidden),
    }
