"""What training does between products, compiled and by torch, against autograd in fp64."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from workers.engine import compiled, passes
from workers.engine.attention import Tree

FUNCTION_FIXTURES = [HealthCheck.function_scoped_fixture]
DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(params=[True, False], ids=["loops", "torch"])
def way(request):
    if request.param and not compiled.available():
        pytest.skip("no Numba, or no OpenMP of GCC")
    return passes.Passes(loops=request.param)


def numbers(*shape, seed=0, scale=1.0, dtype=torch.float32):
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def wide(x):
    """A leaf in fp64."""
    return x.double().requires_grad_()


def near(found, wanted, dtype, ulps=16):
    """To some roundings of the largest entry."""
    assert found.shape == wanted.shape
    assert (found.double() - wanted.detach()).abs().max() <= ulps * torch.finfo(dtype).eps * wanted.abs().max()


@settings(deadline=None, max_examples=20, suppress_health_check=FUNCTION_FIXTURES)
@given(st.integers(1, 70), st.integers(2, 140), st.sampled_from(DTYPES), st.sampled_from([1e-3, 1.0, 1e3]))
def test_norms_and_their_gradients_are_those_of_fp64(way, tokens, width, dtype, scale):
    weight = numbers(width, seed=1)
    x, y = numbers(tokens, width, scale=scale), numbers(tokens, width, seed=2, scale=scale, dtype=dtype)
    wide_x = wide(x)
    total = wide_x + y.double()
    wanted = total * (total.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * weight.double()
    summed, out, factor = way.norm(x, y, weight, 1e-5)
    near(summed, total, torch.float32)
    assert out.dtype == dtype and factor.shape == (tokens, 1)
    assert ((out.double() - wanted).abs() <= 16 * torch.finfo(dtype).eps * wanted.abs() + 1e-30).all()

    g, before = numbers(tokens, width, seed=3, dtype=dtype), numbers(tokens, width, seed=4)
    (gradient,) = torch.autograd.grad(wanted, wide_x, g.double())
    into = before.clone()
    low = way.add_norm_gradient(into, g, summed, weight, factor)
    near(into, before.double() + gradient, torch.float32, ulps=64)
    assert torch.equal(low, into.to(dtype))


@settings(deadline=None, max_examples=20, suppress_health_check=FUNCTION_FIXTURES)
@given(st.integers(1, 70), st.integers(1, 140), st.sampled_from(DTYPES), st.sampled_from([1e-2, 1.0, 30.0]))
def test_gates_and_their_gradients_are_those_of_fp64(way, tokens, width, dtype, scale):
    both, g = numbers(tokens, 2 * width, scale=scale, dtype=dtype), numbers(tokens, width, seed=1, dtype=dtype)
    leaf = wide(both)
    wanted = nn.functional.silu(leaf[:, :width]) * leaf[:, width:]
    near(way.gated(both), wanted, dtype)
    (gradient,) = torch.autograd.grad(wanted, leaf, g.double())
    near(way.gated_gradient(g, both), gradient, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_losses_and_probabilities_are_those_of_fp64(way, dtype, scale):
    logits, targets = numbers(37, 501, scale=scale, dtype=dtype), torch.randint(501, (37,))
    wanted = logits.double().softmax(-1)
    loss = nn.functional.cross_entropy(logits.double(), targets, reduction="sum")
    total = way.likelihood(logits, targets)
    assert total.item() == pytest.approx(loss.item(), rel=1e-5)
    near(logits, wanted, dtype, ulps=16 + 2 * scale)


@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_a_logit_that_is_no_number_makes_a_loss_that_is_none(way, wrong):
    logits = numbers(2, 300)
    logits[1, 7] = wrong
    assert not way.likelihood(logits, torch.tensor([3, 4])).isfinite()


def slowly(heads, tree, cos, sin, keys, groups, scale):
    """One token after another, in fp64."""
    size = cos.shape[1]
    by_head = heads.view(len(heads), -1, size)
    first, second = by_head.chunk(2, -1)
    turned = by_head * cos.double().unsqueeze(1) + torch.cat([-second, first], -1) * sin.double().unsqueeze(1)
    out = []
    for n in range(len(heads)):
        row = (n - tree.shared) // tree.width
        own = range(tree.shared + row * tree.width, n + 1) if n >= tree.shared else []
        seen = [*range(min(n + 1, tree.shared)), *own]
        for h in range(keys * groups):
            of = h // groups
            scores = turned[seen, keys * groups + of] @ turned[n, h] * scale
            out.append(scores.softmax(0) @ by_head[seen, keys * (groups + 1) + of])
    return torch.cat(out).view(len(heads), -1)


@settings(deadline=None, max_examples=20, suppress_health_check=FUNCTION_FIXTURES)
@given(
    st.sampled_from([Tree(0, 1, 1), Tree(0, 3, 5), Tree(1, 1, 1), Tree(7, 2, 9), Tree(20, 3, 2), Tree(3, 1, 40)]),
    st.sampled_from([(1, 1, 4), (3, 3, 8), (2, 1, 16)]),
    st.sampled_from(DTYPES),
    st.sampled_from([0.5, 4.0]),
)
def test_attention_of_a_packed_step_and_its_gradients_are_those_of_fp64(way, tree, counts, dtype, spread):
    keys, groups, size = counts
    tokens = tree.shared + tree.rows * tree.width
    heads = numbers(tokens, (groups + 2) * keys * size, scale=spread, dtype=dtype)
    angles = numbers(tokens, size // 2, seed=1, scale=3.0).repeat(1, 2)
    step, scale = passes.Step(tree, angles.cos(), angles.sin()), size**-0.5
    leaf = wide(heads)
    wanted = slowly(leaf, tree, step.cos, step.sin, keys, groups, scale)
    attention = passes.Attention(way, groups, keys, size, scale)
    seen, kept = attention.forward(heads, step, graph=True)
    near(seen, wanted, dtype, ulps=64)
    g = numbers(tokens, groups * keys * size, seed=2, dtype=dtype)
    (gradient,) = torch.autograd.grad(wanted, leaf, g.double())
    near(attention.gradient(g, kept, step), gradient, dtype, ulps=64)


def test_angles_for_a_part_of_a_head_do_not_go_through_loops(way):
    heads = numbers(6, 3 * 8)
    step = passes.Step(Tree(0, 1, 6), torch.ones(6, 4), torch.zeros(6, 4))
    with pytest.raises(RuntimeError):
        passes.Attention(way, 1, 1, 8, 1.0).forward(heads, step, graph=False)
