"""How much memory a runner needs at most over a base model, by formula, from the model's sizes and our limits.

`config` is a transformers decoder configuration and `parameters` the count of its weights, of which each takes `size`
bytes: 4 in fp32, 2 in bf16.
"""

from __future__ import annotations

from typing import Any

from workers.engine.choice import DEFAULT
from workers.engine.generation import DECODE_TOKENS
from workers.engine.prompts import PREFIX_TOKENS
from workers.engine.scoring import READ_AT_ONCE
from workers.engine.tuning.training import STEP_TOKENS

INTERPRETER_BYTES = 1_000_000_000
"""Python, torch, transformers and their buffers."""
PROMPT_TOKENS = 4096
RANK = 32

# Tensors of one width that a layer holds for backward for each token: norms, projections, activations and their casts.
HIDDEN_KEPT, FFN_KEPT = 16, 6
ADAM_BYTES = 16


def answering_bytes(config: Any, parameters: int, *, size: int = 4) -> int:
    """Upper bound of a runner that answers without adapters: the weights, the kept prompts, and one call."""
    kept = max(PREFIX_TOKENS, PROMPT_TOKENS) * kv_bytes(config, size)
    return INTERPRETER_BYTES + parameters * size + kept + _reading(config, PROMPT_TOKENS, size)


def peak_bytes(
    config: Any,
    parameters: int,
    *,
    bf16: bool = False,
    r: int = RANK,
    prompt_tokens: int = PROMPT_TOKENS,
    size: int = 4,
) -> int:
    """Upper bound of a runner's resident bytes over all jobs with adapters that the limits allow.

    With `bf16`, copies in bf16 are made of weights in fp32: of the base model for training, or of whichever model
    scores labels in the screening pass. The base's fp32 weights are a view of its file, which all runners share; they
    count nevertheless. The larger of reading and training counts.
    Reading: the base, one adapted copy, and their bf16 copies. Over weights in bf16 the adapter stays beside them, and
    nothing is copied. Training: the base or its bf16 copy. The base keeps its shared prompts also while it is trained
    over.
    """
    kept = (1 + bf16) * max(PREFIX_TOKENS, prompt_tokens) * kv_bytes(config, size)
    copies = 4 * _adapter(config, r) if size == 2 else parameters * (4 + 2 * 2 * bf16)
    reading = parameters * size + copies + _reading(config, prompt_tokens, size) + kept
    training = parameters * (size + 2 * bf16) + _training(config, r)
    return INTERPRETER_BYTES + kept + max(reading, training)


def kv_bytes(config: Any, size: int = 4) -> int:
    """Keys and values of one token over all layers."""
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return int(2 * size * config.num_hidden_layers * heads * width)


def _inner(config: Any) -> int:
    """The width within a layer's block; configurations call it differently."""
    named = (getattr(config, name, None) for name in ("intermediate_size", "ffn_dim", "n_inner"))
    return int(next(filter(None, named), 4 * config.hidden_size))


def _reading(config: Any, prompt_tokens: int, size: int) -> int:
    """A prompt that is read while another is kept, a batch's own cache, one call, and logits with what is made of
    them."""
    call = 4 * max(DEFAULT.call_tokens, prompt_tokens) * (4 * config.hidden_size + 3 * _inner(config))
    logits = 3 * _logits(config, READ_AT_ONCE)
    return int((prompt_tokens + DECODE_TOKENS) * kv_bytes(config, size) + call + logits)


def _training(config: Any, r: int) -> int:
    """Activations of `STEP_TOKENS` tokens over all layers, with the weights of attention; their logits, with what is
    made of them; and the optimiser's state."""
    layer = HIDDEN_KEPT * config.hidden_size + FFN_KEPT * _inner(config)
    activations = 4 * config.num_hidden_layers * STEP_TOKENS * layer
    return int(activations + 4 * _logits(config, STEP_TOKENS) + ADAM_BYTES * _adapter(config, r))


def _adapter(config: Any, r: int) -> int:
    """At most so many weights has an adapter on all linear layers."""
    widths = 4 * 2 * config.hidden_size + 3 * (config.hidden_size + _inner(config))
    return int(config.num_hidden_layers * r * widths)


def _logits(config: Any, positions: int) -> int:
    return int(4 * positions * config.vocab_size)
