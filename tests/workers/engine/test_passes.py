"""What training does between products, compiled and by torch, against autograd in fp64."""

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.workers.machine import needs_loops
from workers.engine import abilities, attention, compiled, passes
from workers.engine.attention import Tree

if abilities.here().loops:
    from workers.engine import training_loops

FUNCTION_FIXTURES = [HealthCheck.function_scoped_fixture]
DTYPES = [torch.float32, torch.bfloat16]


@pytest.fixture(params=[0, 1, 2], ids=["torch", "loops", "loops on two threads"])
def way(request, monkeypatch):
    """All work is shared among the threads, however little it is."""
    if request.param and not abilities.here().loops:
        pytest.skip("no Numba, or no OpenMP of GCC")
    monkeypatch.setattr(compiled, "FEW", 0)
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, request.param))
    yield passes.Passes(loops=request.param > 0)
    torch.set_num_threads(before)


@pytest.fixture
def calls(monkeypatch):
    """Of loops."""
    made = []
    call = compiled.Loop.__call__
    monkeypatch.setattr(compiled.Loop, "__call__", lambda loop, *given: (made.append(loop), call(loop, *given))[1])
    return made


def numbers(*shape, seed=0, scale=1.0, dtype=torch.float32):
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def wide(x):
    """A leaf in fp64."""
    return x.double().requires_grad_()


def near(found, wanted, dtype, roundings):
    """By the length of the difference."""
    assert found.shape == wanted.shape
    off = (found.double() - wanted.detach()).norm() / wanted.norm()
    assert off <= roundings * torch.finfo(dtype).eps, off / torch.finfo(dtype).eps


@settings(deadline=None, max_examples=20, suppress_health_check=FUNCTION_FIXTURES)
@given(st.integers(1, 70), st.integers(2, 140), st.sampled_from(DTYPES), st.sampled_from([1e-3, 1.0, 1e3]))
def test_norms_and_their_gradients_are_those_of_fp64(way, tokens, width, dtype, scale):
    weight = numbers(width, seed=1)
    x, y = numbers(tokens, width, scale=scale), numbers(tokens, width, seed=2, scale=scale, dtype=dtype)
    wide_x = wide(x)
    total = wide_x + y.double()
    wanted = total * (total.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * weight.double()
    summed, out, factor = way.norm(x, y, weight, 1e-5)
    near(summed, total, torch.float32, 1)
    assert out.dtype == dtype and factor.shape == (tokens, 1)
    assert ((out.double() - wanted).abs() <= 16 * torch.finfo(dtype).eps * wanted.abs() + 1e-30).all()

    g, before = numbers(tokens, width, seed=3, dtype=dtype), numbers(tokens, width, seed=4)
    (gradient,) = torch.autograd.grad(wanted, wide_x, g.double())
    into = before.clone()
    low = way.add_norm_gradient(into, g, summed, weight, factor)
    near(into, before.double() + gradient, torch.float32, 4)
    assert torch.equal(low, into.to(dtype))


@settings(deadline=None, max_examples=20, suppress_health_check=FUNCTION_FIXTURES)
@given(st.integers(1, 70), st.integers(1, 140), st.sampled_from(DTYPES), st.sampled_from([1e-2, 1.0, 30.0]))
def test_gates_and_their_gradients_are_those_of_fp64(way, tokens, width, dtype, scale):
    both, g = numbers(tokens, 2 * width, scale=scale, dtype=dtype), numbers(tokens, width, seed=1, dtype=dtype)
    leaf = wide(both)
    wanted = nn.functional.silu(leaf[:, :width]) * leaf[:, width:]
    near(way.gated(both), wanted, dtype, 2 if dtype == torch.bfloat16 else 4)
    (gradient,) = torch.autograd.grad(wanted, leaf, g.double())
    near(way.gated_gradient(g, both), gradient, dtype, 2 if dtype == torch.bfloat16 else 4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_losses_and_probabilities_are_those_of_fp64(way, calls, dtype, scale):
    logits = numbers(37, 501, scale=scale, dtype=dtype)
    targets = torch.arange(37) * 13
    wanted, before = logits.double().softmax(-1), logits.clone()
    loss = nn.functional.cross_entropy(logits.double(), targets, reduction="sum")
    assert way.likelihood(logits, targets, overwrite=False).item() == pytest.approx(loss.item(), rel=1e-5)
    assert torch.equal(logits, before)
    assert way.likelihood(logits, targets, overwrite=True).item() == pytest.approx(loss.item(), rel=1e-5)
    near(logits, wanted, dtype, 1 if dtype == torch.bfloat16 else 2 + scale)
    assert len(calls) == 2 * way.loops


def test_a_target_outside_the_vocabulary_is_an_error(way):
    with pytest.raises((RuntimeError, IndexError)):
        way.likelihood(numbers(2, 30), torch.tensor([3, 30]), overwrite=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_what_is_no_number_stays_none(way, dtype, wrong):
    logits, x = numbers(2, 300, dtype=dtype), numbers(4, 6, dtype=dtype)
    logits[1, 7] = wrong
    assert not way.likelihood(logits, torch.tensor([3, 4]), overwrite=True).isfinite()
    x[1, 2] = wrong
    _, normed, _ = way.norm(torch.zeros(4, 6), x, torch.ones(6), 1e-5)
    assert not normed[1].isfinite().all() and normed[[0, 2, 3]].isfinite().all()
    assert not way.gated(x)[1].isfinite().all()
    heads = numbers(3, 3 * 4, dtype=dtype)
    heads[1, 5] = wrong
    step = passes.Step(Tree(0, 1, 3), torch.ones(3, 4), torch.zeros(3, 4))
    seen, _ = passes.Attention(way, 1, 1, 4, 1.0).forward(heads, step, graph=False)
    assert not seen[2].isfinite().all()


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
    st.sampled_from([(1, 1, 4), (2, 3, 8)]),
    st.sampled_from(DTYPES),
    st.sampled_from([0.5, 2.0]),
)
def test_attention_of_a_packed_step_and_its_gradients_are_those_of_fp64(way, tree, counts, dtype, spread):
    keys, groups, size = counts
    tokens = tree.shared + tree.rows * tree.width
    heads = numbers(tokens, (groups + 2) * keys * size, scale=spread, dtype=dtype)
    angles = numbers(tokens, size // 2, seed=1, scale=3.0).repeat(1, 2)
    step, scale = passes.Step(tree, angles.cos(), angles.sin()), size**-0.5
    leaf = wide(heads)
    wanted = slowly(leaf, tree, step.cos, step.sin, keys, groups, scale)
    seeing = passes.Attention(way, groups, keys, size, scale)
    seen, kept = seeing.forward(heads, step, graph=True)
    roundings = (8 if dtype == torch.float32 else 2) * max(1, spread) ** 2
    near(seen, wanted, dtype, roundings)
    assert isinstance(kept, list) == way.loops
    g = numbers(tokens, groups * keys * size, seed=2, dtype=dtype)
    (gradient,) = torch.autograd.grad(wanted, leaf, g.double())
    near(seeing.gradient(g, kept, step), gradient, dtype, 2 * roundings)


def test_angles_for_a_part_of_a_head_do_not_go_through_loops(way):
    heads = numbers(6, 3 * 8)
    step = passes.Step(Tree(0, 1, 6), torch.ones(6, 4), torch.zeros(6, 4))
    with pytest.raises(RuntimeError):
        passes.Attention(way, 1, 1, 8, 1.0).forward(heads, step, graph=False)


@pytest.mark.parametrize("tree", [Tree(30, 1, 1), Tree(2, 3, 18)])
def test_scores_that_are_too_many_to_keep_do_not_go_through_loops(monkeypatch, way, tree):
    monkeypatch.setattr(attention, "KEPT_SCORES", 3 * 30 * 30)
    tokens = tree.shared + tree.rows * tree.width
    step = passes.Step(tree, torch.ones(tokens, 4), torch.zeros(tokens, 4))
    _, kept = passes.Attention(way, 3, 1, 4, 1.0).forward(numbers(tokens, 5 * 4), step, graph=True)
    assert isinstance(kept, passes.Graph)


@needs_loops
@pytest.mark.parametrize("dtype", DTYPES)
def test_loops_are_right_for_many_kinds_of_heads(dtype):
    assert all(passes.right(groups, size, dtype) for groups, size in ((1, 2), (8, 128)))


@needs_loops
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name",
    ["norm", "norm_gradient", "gated", "gated_gradient", "likelihood",
     "spread", "added", "moved", "softmax", "softmax_gradient"],
)  # fmt: skip
def test_a_loop_that_computes_otherwise_is_found(monkeypatch, name, dtype):
    low, call = dtype == torch.bfloat16, compiled.Loop.__call__
    heads = training_loops.heads(3, 8, low)
    broken = getattr(heads, name) if hasattr(heads, name) else getattr(training_loops, name)(low)

    def wrong(loop, *given):
        call(loop, *given)
        if loop is broken:
            for one in given:
                if isinstance(one, torch.Tensor) and one.is_floating_point():
                    one.mul_(1.25)

    passes._tried.cache_clear()
    assert passes.right(3, 8, dtype)
    passes._tried.cache_clear()
    monkeypatch.setattr(compiled.Loop, "__call__", wrong)
    assert not passes.right(3, 8, dtype)
    passes._tried.cache_clear()


@needs_loops
def test_a_loop_that_does_not_compile_is_not_used(monkeypatch):
    def fails(low):
        raise NotImplementedError("not on this machine")

    monkeypatch.setattr(training_loops, "gated", fails)
    passes._tried.cache_clear()
    assert not passes.right(3, 8, torch.float32)
    passes._tried.cache_clear()
