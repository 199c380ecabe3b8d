"""How much memory a runner needs at most, by formula, from a model's sizes and our limits; whether it ran out."""

from __future__ import annotations

from typing import Any

from workers.engine.choice import DEFAULT
from workers.engine.generation import DECODE_TOKENS
from workers.engine.prompts import PREFIX_TOKENS
from workers.engine.scoring import READ_AT_ONCE
from workers.engine.tuning.training import STEP_TOKENS

INTERPRETER_BYTES = 1_000_000_000
"""Python, torch, transformers and their buffers."""

# Tensors of one width that a layer holds for backward for each token: norms, projections, activations and their casts.
HIDDEN_KEPT, FFN_KEPT = 16, 6
ADAM_BYTES = 16

NO_MEMORY = ("allocate memory", "out of memory")
# oneDNN does not say why it has no primitive; with shapes and types that work in small it is memory.
NO_PRIMITIVE = ("could not create a primitive", "could not execute a primitive")


def ran_out(error: BaseException, *, shapes_fit: bool = True) -> bool:
    """Whether an error of torch or Python means that there was no memory; what oneDNN says, only where shapes fit."""
    words = NO_MEMORY + NO_PRIMITIVE * shapes_fit
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)


def peak_bytes(config: Any, parameters: int, *, bf16: bool, r: int = 32, prompt_tokens: int = 4096) -> int:
    """Upper bound of a runner's resident bytes over all jobs that the limits allow.

    `config` is a transformers decoder configuration, `parameters` its count. With `bf16`, copies in bf16 are made:
    of the base model for training, or of whichever model scores labels in the screening pass. The base's fp32 weights
    are a view of its file, which all runners share; they count nevertheless. The larger of reading and training counts.
    Reading: the base, one adapted copy, and their bf16 copies. Training: the base or its bf16 copy. The base keeps its
    shared prompts also while it is trained over.
    """
    kept = (1 + bf16) * max(PREFIX_TOKENS, prompt_tokens) * kv_bytes(config)
    reading = parameters * (2 * 4 + 2 * 2 * bf16) + _reading(config, prompt_tokens) + kept
    training = parameters * (4 + 2 * bf16) + _training(config, r)
    return INTERPRETER_BYTES + kept + max(reading, training)


def kv_bytes(config: Any) -> int:
    """Keys and values of one token over all layers in fp32."""
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    return int(2 * 4 * config.num_hidden_layers * heads * size)


def _inner(config: Any) -> int:
    """The width within a layer's block; configurations call it differently."""
    named = (getattr(config, name, None) for name in ("intermediate_size", "ffn_dim", "n_inner"))
    return int(next(filter(None, named), 4 * config.hidden_size))


def _reading(config: Any, prompt_tokens: int) -> int:
    """A prompt that is read while another is kept, a batch's own cache, one call, and logits with what is made of
    them."""
    call = 4 * max(DEFAULT.call_tokens, prompt_tokens) * (4 * config.hidden_size + 3 * _inner(config))
    logits = 3 * _logits(config, READ_AT_ONCE)
    return int((prompt_tokens + DECODE_TOKENS) * kv_bytes(config) + call + logits)


def _training(config: Any, r: int) -> int:
    """Activations of `STEP_TOKENS` tokens over all layers, with the weights of attention; their logits, with what is
    made of them; and the optimiser's state."""
    layer = HIDDEN_KEPT * config.hidden_size + FFN_KEPT * _inner(config)
    widths = 4 * 2 * config.hidden_size + 3 * (config.hidden_size + _inner(config))
    adapter = config.num_hidden_layers * r * widths
    activations = 4 * config.num_hidden_layers * STEP_TOKENS * layer
    return int(activations + 4 * _logits(config, STEP_TOKENS) + ADAM_BYTES * adapter)


def _logits(config: Any, positions: int) -> int:
    return int(4 * positions * config.vocab_size)
