"""Blocks of Llama-like models in few operators, beside what the library computes."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import DynamicCache
from transformers.models.llama.modeling_llama import (
    LlamaConfig,
    LlamaDecoderLayer,
    LlamaMLP,
    LlamaRMSNorm,
    apply_rotary_pos_emb,
)

from tests.workers import oracle, tiny
from tests.workers.machine import needs_onednn
from workers.engine import attention, fused, models
from workers.engine.fused import FusedLayer, FusedNorm, GatedMlp
from workers.engine.linear import use_onednn


def use_all(module):
    use_onednn(module)
    fused.use(module)


@pytest.fixture
def block() -> LlamaMLP:
    with torch.random.fork_rng():
        torch.manual_seed(6)
        return LlamaMLP(
            LlamaConfig(hidden_size=24, num_attention_heads=2, intermediate_size=40, hidden_act="silu")
        ).requires_grad_(False)


@needs_onednn
def test_gated_block_computes_what_the_library_does(block):
    x = torch.randn(3, 5, 24, generator=torch.Generator().manual_seed(1)) * 4
    expected = copy.deepcopy(block).double()(x.double())
    use_all(block)
    assert isinstance(block, GatedMlp) and isinstance(block, LlamaMLP)
    with torch.inference_mode():
        torch.testing.assert_close(block(x).double(), expected, atol=1e-6, rtol=1e-5)


@needs_onednn
def test_gated_block_with_rounded_layers_is_no_further_off_than_layer_by_layer(block):
    x = torch.randn(64, 24, generator=torch.Generator().manual_seed(1))
    expected = copy.deepcopy(block).double()(x.double())
    use_all(block)
    holder = nn.Sequential(block)
    holder.device, holder.get_output_embeddings = torch.device("cpu"), lambda: None
    (made,) = models.rounded(holder)
    assert isinstance(made, GatedMlp) and made.fusible()
    with torch.inference_mode():
        together, apart = made(x), LlamaMLP.forward(made, x)
    assert together.dtype == torch.float32
    error, former = ((y.double() - expected).pow(2).mean().sqrt().item() for y in (together, apart))
    assert 0 < error <= former < 0.02 * expected.abs().max().item()


@needs_onednn
@pytest.mark.parametrize(
    "other", [{"hidden_act": "gelu"}, {"hidden_act": "relu"}, {"mlp_bias": True}], ids=["gelu", "relu", "biases"]
)
def test_a_block_of_another_kind_is_left_as_it_is(other):
    config = LlamaConfig(
        **{"hidden_size": 24, "num_attention_heads": 2, "intermediate_size": 40, "hidden_act": "silu"} | other
    )
    block = LlamaMLP(config).requires_grad_(False)
    use_all(block)
    assert type(block) is LlamaMLP


class Scaled(LlamaMLP):
    """A block that takes more than its input."""

    def forward(self, x: torch.Tensor, scale: float) -> torch.Tensor:
        return super().forward(x) * scale


class Doubled(LlamaMLP):
    """A block that does something else with the same layers."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(x)


@needs_onednn
@pytest.mark.parametrize("kind", [Scaled, Doubled])
def test_a_block_that_computes_something_else_is_left_as_it_is(kind):
    block = kind(LlamaConfig(hidden_size=24, num_attention_heads=2, intermediate_size=40, hidden_act="silu"))
    use_all(block.requires_grad_(False))
    assert type(block) is kind


@needs_onednn
def test_gated_block_knows_gradients_and_layers_that_were_put_around(block):
    plain = copy.deepcopy(block)
    use_all(block)
    x = torch.randn(5, 24, generator=torch.Generator().manual_seed(1))
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    block(ours).sum().backward()
    plain(theirs).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    for made in (block, plain):
        made.up_proj = nn.Sequential(made.up_proj, nn.Hardtanh(-0.1, 0.1))
    with torch.inference_mode():
        torch.testing.assert_close(block(x), plain(x))


def some(*shape, seed=1):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), st.integers(1, 9), st.booleans())
def test_heads_are_turned_as_the_library_turns_them(rows, tokens, heads, half, low):
    x, angles = some(rows, tokens, heads, 2 * half), some(rows, tokens, half, seed=2).repeat(1, 1, 2) * 4
    x = x.bfloat16() if low else x
    cos, sin = angles.cos(), angles.sin()
    expected, _ = apply_rotary_pos_emb(x.double(), x.double(), cos.double(), sin.double(), unsqueeze_dim=2)
    found = fused.rotated(x, cos.unsqueeze(2), sin.unsqueeze(2))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)


@needs_onednn
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e4])
def test_norm_computes_what_the_library_does(size):
    norm = LlamaRMSNorm(24, eps=1e-5).requires_grad_(False)
    norm.weight.copy_(some(24, seed=3))
    x = some(3, 5, 24) * size
    expected = copy.deepcopy(norm).double()(x.double())
    fused.use(norm)
    assert isinstance(norm, FusedNorm) and isinstance(norm, LlamaRMSNorm)
    with torch.inference_mode():
        # The library's own goes through fp32 whatever it is given.
        torch.testing.assert_close(norm(x).double(), expected, atol=1e-6, rtol=1e-4)
    x.requires_grad_()
    norm(x).sum().backward()
    assert x.grad is not None


class Centred(LlamaRMSNorm):
    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return super().forward(hidden_states - hidden_states.mean(-1, keepdim=True))


class Shifted(LlamaRMSNorm):
    """As some models have it: the weight is kept less one."""

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return super().forward(hidden_states) + 1e-2 * hidden_states


@needs_onednn
@pytest.mark.parametrize("kind", [Centred, Shifted])
def test_a_norm_of_another_kind_is_left_as_it_is(kind):
    norm = kind(24).requires_grad_(False)
    fused.use(norm)
    assert type(norm) is kind


def layer_of(folder, **changes):
    """A model's first layer, and tokens with their angles."""
    attention.register()
    made = oracle.plain(tiny.build(folder, **changes)).requires_grad_(False)
    made.config._attn_implementation = attention.NAME
    use_onednn(made)
    x = some(2, 7, 48)
    return made.model.layers[0], (x, made.model.rotary_emb(x, torch.arange(7).repeat(2, 1)))


@needs_onednn
@pytest.mark.parametrize("rounded", [False, True])
def test_layer_computes_what_the_library_does(tmp_path, rounded):
    layer, (x, angles) = layer_of(tmp_path)
    with torch.inference_mode():
        expected = copy.deepcopy(layer)(x, position_embeddings=angles)
        fused.use(layer)
        assert isinstance(layer, FusedLayer) and isinstance(layer, LlamaDecoderLayer)
        if rounded:
            holder = nn.Sequential(layer)
            holder.device, holder.get_output_embeddings = torch.device("cpu"), lambda: None
            (layer,) = models.rounded(holder)
        found = layer(x, position_embeddings=angles)
    assert found.dtype == torch.float32 and not torch.equal(found, expected)
    near = 2e-2 if rounded else 1e-5
    assert (found - expected).abs().max() < near * expected.abs().max()


@needs_onednn
@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "granite", "residual_multiplier": 0.5},
        {"kind": "granite", "attention_multiplier": 0.1},
        {"kind": "qwen3"},
        {"kind": "qwen2"},
        {"attention_bias": True},
        {"hidden_act": "gelu"},
        {"kind": "glm4_moe", "partial_rotary_factor": 0.5, "first_k_dense_replace": 3},
    ],
    ids=lambda changes: ", ".join(map(str, changes.values())),
)
def test_a_model_of_another_kind_answers_as_the_library_does(tmp_path, changes):
    layer, (x, angles) = layer_of(tmp_path, **changes)
    with torch.inference_mode():
        expected = copy.deepcopy(layer)(x, attention_mask=None, position_embeddings=angles)
        fused.use(layer)
        found = layer(x, attention_mask=None, position_embeddings=angles)
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()


@needs_onednn
def test_layer_leaves_gradients_and_a_cache_to_the_library(tmp_path):
    layer, (x, angles) = layer_of(tmp_path)
    plain = copy.deepcopy(layer)
    fused.use(layer)
    ours, theirs = (x.clone().requires_grad_() for _ in range(2))
    layer(ours, position_embeddings=angles).sum().backward()
    plain(theirs, position_embeddings=angles).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad)
    caches = [DynamicCache(), DynamicCache()]
    with torch.inference_mode():
        for one, cache in zip((layer, plain), caches, strict=True):
            one(x, position_embeddings=angles, cache=cache)
    torch.testing.assert_close(caches[0].layers[0].keys, caches[1].layers[0].keys)
