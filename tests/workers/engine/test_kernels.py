"""Each way of an operation beside the plain mathematics in float64."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from workers.engine.choice import DEFAULT, PLAIN, Choice
from workers.engine.kernels import Kernels, attention, private, products

ENGINE = Path(private.__file__).parents[1]
SOURCES = sorted(ENGINE.rglob("*.py"))
needs_flash = pytest.mark.skipif(not attention.has_flash(), reason="this torch has no such kernel")
needs_onednn = pytest.mark.skipif(not products.has_onednn(), reason="torch was built without oneDNN")
WAYS = [pytest.param(attention.by_flash, marks=needs_flash), attention.by_products]


def expected(q, k, v, mask, scale):
    scores = q.double() @ k.double().mT * scale
    if mask is not None:
        scores = scores + mask.double()
    return scores.softmax(-1) @ v.double(), scores.logsumexp(-1)


def assert_near(pair, wanted):
    for found, true in zip(pair, wanted, strict=True):
        torch.testing.assert_close(found.double(), true, atol=1e-5, rtol=1e-5)


def some(seed, *shape, dtype=torch.float32):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("attend", WAYS)
@pytest.mark.parametrize(("dtype", "near"), [(torch.float32, 1e-5), (torch.bfloat16, 5e-2)])
@given(
    rows=st.integers(1, 3), heads=st.integers(1, 3), queries=st.integers(1, 70), keys=st.integers(1, 70),
    masked=st.booleans(), seed=st.integers(0, 99),
)  # fmt: skip
@settings(deadline=None, max_examples=25)
def test_attention_is_softmax_attention(attend, dtype, near, rows, heads, queries, keys, masked, seed):
    q, k, v = (some(seed + n, rows, heads, count, 16, dtype=dtype) for n, count in enumerate((queries, keys, keys)))
    mask = None
    if masked:
        hidden = some(seed, rows, 1, queries, keys) > 0.5
        hidden[..., 0] = False
        mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, -torch.inf)
    out, lse = attend(q, k, v, mask, 0.25)
    true, true_lse = expected(q, k, v, mask, 0.25)
    assert out.dtype == dtype and lse.dtype == torch.float32 and lse.shape == (rows, heads, queries)
    assert (out.double() - true).abs().max() < near
    assert (lse.double() - true_lse).abs().max() < near


@pytest.mark.parametrize("attend", WAYS)
@pytest.mark.parametrize("far", [90.0, -90.0, 1e4])
def test_attention_holds_where_scores_are_far_apart(attend, far):
    """By more than the exponential of a float holds."""
    q, k, v = torch.zeros(1, 1, 4, 16), torch.zeros(1, 1, 9, 16), some(3, 1, 1, 9, 16)
    q[..., 0] = 1.0
    k[:, :, 5, 0] = far
    assert_near(attend(q, k, v, None, 1.0), expected(q, k, v, None, 1.0))


@pytest.mark.parametrize("held", [1, 100, 1 << 22])
def test_queries_are_taken_a_few_at_a_time(monkeypatch, held):
    monkeypatch.setattr(attention, "SCORES_HELD", held)
    q, k, v = (some(n, 2, 3, 11, 16) for n in range(3))
    assert_near(attention.by_products(q, k, v, None, 0.25), expected(q, k, v, None, 0.25))


@needs_onednn
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_onednn_multiplies_as_torch_does(bias, dtype):
    weight, shift, x = some(1, 24, 40).to(dtype), some(2, 24).to(dtype) if bias else None, some(3, 5, 7, 40).to(dtype)
    found = products.by_onednn(x, weight, shift)
    wanted = nn.functional.linear(x.double(), weight.double(), None if shift is None else shift.double())
    assert found.dtype == dtype and (found.double() - wanted).abs().max() < (1e-4 if dtype == torch.float32 else 0.2)


@needs_onednn
def test_layers_by_onednn_keep_their_weights_and_their_gradients():
    model = nn.Sequential(nn.Linear(40, 24), nn.ReLU(), nn.Linear(24, 3))
    x = some(1, 5, 40)
    wanted, weight = model(x).detach(), model[0].weight
    products.use(model, onednn=True)
    assert [type(layer).__name__ for layer in model] == ["OneDnnLinear", "ReLU", "OneDnnLinear"]
    assert model[0].weight is weight
    with torch.no_grad():
        assert torch.allclose(model(x), wanted, atol=1e-5)
    x.requires_grad_()
    (model(x).sum()).backward()
    assert x.grad is not None and x.grad.abs().sum() > 0
    products.use(model, onednn=False)
    assert type(model[0]) is nn.Linear and torch.allclose(model(x), wanted, atol=1e-5)


SPECIAL = Choice("flash", "onednn", "float32", 512)


@needs_flash
@needs_onednn
def test_a_choice_names_its_ways(monkeypatch):
    monkeypatch.delenv("GRADUS_ENGINE", raising=False)
    assert Kernels.of(SPECIAL, "cpu") == Kernels(attention.by_flash, True, 512)
    assert Kernels.of(PLAIN, "cpu") == Kernels(attention.by_products, False, PLAIN.call_tokens)
    assert Kernels.of(DEFAULT, "cuda") == Kernels.of(PLAIN, "cpu")


def test_one_setting_or_a_torch_without_its_private_operators_switches_every_special_way_off(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("GRADUS_ENGINE", "plain")
        in_bf16 = replace(SPECIAL, dtype="bfloat16")
        assert Kernels.of(in_bf16, "cpu") == Kernels(attention.by_products, False, 512)
    monkeypatch.setattr(private, "flash_for_cpu", lambda: None)
    monkeypatch.setattr(private, "onednn_linear", lambda: None)
    assert Kernels.of(SPECIAL, "cpu") == Kernels(attention.by_products, False, 512)


def test_private_operators_are_called_in_one_file_alone():
    named = ("torch.ops", "torch._C", "._reorder", "torch.backends.mkldnn")
    found = [str(file.relative_to(ENGINE)) for file in SOURCES if any(name in file.read_text() for name in named)]
    assert found == ["kernels/private.py"]


def test_the_engine_stays_small_enough_for_one_person():
    """Comments, blank lines and kernels counted."""
    assert sum(len(file.read_text().splitlines()) for file in SOURCES) <= 3200
    functions = [
        (node.end_lineno - node.lineno + 1, file.name, node.name)
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    assert max(functions)[0] <= 60, max(functions)
