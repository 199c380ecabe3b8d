"""Compiled loops against plain torch in fp64, and the engine without them."""

import itertools
import sys
from types import SimpleNamespace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graders.base import Generate, Score
from tests.workers.machine import needs_library, needs_loops, needs_rows_in_line
from workers import engine
from workers.engine import abilities, attention, compiled, fused, generation, prefix, scoring
from workers.engine.compiled import Sight
from workers.engine.elementwise import rotated
from workers.engine.prompts import run_prefix
from workers.engine.watch import Watch

ULP = torch.finfo(torch.float32).eps


@pytest.fixture(autouse=True, params=[1, 2])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def numbers(*shape, seed=0, scale=1.0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale


@needs_loops
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 300), st.integers(1, 130), st.sampled_from([1e-6, 1.0, 1e4]))
def test_norms_are_those_of_fp64(tokens, width, scale):
    x, weight = numbers(tokens, width, scale=scale), numbers(width, seed=1)
    wide = x.double()
    wanted = wide * (wide.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * weight.double()
    found = compiled.normalised(x, weight, 1e-5, torch.float32)
    assert ((found - wanted).abs() <= 8 * ULP * wanted.abs()).all()
    assert torch.equal(compiled.normalised(x, weight, 1e-5, torch.bfloat16), found.bfloat16())


@needs_loops
@pytest.mark.parametrize(("tokens", "heads", "size"), [(1, 1, 2), (5, 3, 8), (400, 12, 64)])
def test_heads_are_turned_as_by_torch(tokens, heads, size):
    x, angles = numbers(tokens, heads, size), numbers(tokens, size, seed=1, scale=3.0)
    wanted = rotated(x.double(), angles.double().cos().unsqueeze(1), angles.double().sin().unsqueeze(1))
    compiled.rotate(x, angles.cos(), angles.sin())
    torch.testing.assert_close(x.double(), wanted, rtol=0, atol=1e-5)


@needs_loops
def test_keys_and_values_are_put_in_their_places():
    k, v, places = numbers(300, 3, 16), numbers(300, 3, 16, seed=1), torch.randperm(500)[:300]
    keys, values = torch.zeros(25, 20, 3, 16), torch.zeros(25, 20, 3, 16)
    compiled.put(k, v, keys, values, places)
    for kept, new in ((keys, k), (values, v)):
        wanted = torch.zeros(500, 3, 16)
        wanted[places] = new
        assert torch.equal(kept.flatten(0, 1), wanted)


def slowly(q, k, v, sight, scale, shared_k=None, shared_v=None):
    """One query at a time in fp64; `shared_k` and `shared_v` `[K, P, D]`."""
    keys = k.shape[-2]
    out, lse = torch.empty(q.shape, dtype=torch.float64), torch.empty(q.shape[:2], dtype=torch.float64)
    flat_k, flat_v = (x.double().flatten(0, -3) for x in (k, v))
    for n, h in torch.cartesian_prod(torch.arange(len(q)), torch.arange(q.shape[1])).tolist():
        of = h // (q.shape[1] // keys)
        seen = sight.index[sight.begin[n] : sight.begin[n + 1]].long()
        scores = flat_k[seen, of] @ q[n, h].double() * scale
        lse[n, h] = scores.logsumexp(0)
        values = flat_v[seen, of]
        if shared_k is not None:
            scores = torch.cat([shared_k[of].double() @ q[n, h].double() * scale, scores])
            values = torch.cat([shared_v[of].double(), values])
        out[n, h] = scores.softmax(0) @ values
    return out, lse


def trees(rows, width, seed):
    """Each token sees itself and any of those before it."""
    seen = torch.rand(rows, width, width, generator=torch.Generator().manual_seed(seed)) < 0.6
    seen |= torch.eye(width, dtype=torch.bool)
    return list(seen.tril())


@needs_loops
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 5), st.integers(1, 19), st.integers(1, 2), st.integers(1, 3), st.sampled_from([2, 8, 64]),
    st.sampled_from([0.1, 1.0, 8.0]), st.integers(0, 9),
)  # fmt: skip
def test_attention_of_rows_beside_a_prompt_is_that_of_fp64(rows, width, keys, groups, size, spread, seed):
    q = numbers(rows * width, keys * groups, size, seed=seed, scale=spread)
    k, v = numbers(rows, width, keys, size, seed=seed + 1), numbers(rows, width, keys, size, seed=seed + 2)
    shared_k, shared_v = numbers(keys, 7, size, seed=seed + 3), numbers(keys, 7, size, seed=seed + 4)
    sight, scale = Sight.of_rows(trees(rows, width, seed)), size**-0.5
    wanted, lse = slowly(q, k, v, sight, scale)
    torch.testing.assert_close(compiled.own_part(q, k, v, sight, scale).double(), wanted, rtol=0, atol=1e-5)

    asked = torch.empty(keys, len(q) * groups, size + 1)
    out = compiled.own_part(q, k, v, sight, scale, asked)
    by_head = asked.view(keys, len(q), groups, size + 1).transpose(0, 1).flatten(1, 2)
    torch.testing.assert_close(by_head[..., :size], q * scale)
    torch.testing.assert_close(by_head[..., size].double(), -lse, rtol=1e-6, atol=1e-5)

    weights = torch.exp(asked[..., :size] @ shared_k.mT + asked[..., size:])
    assert compiled.merge(out, torch.cat([weights @ shared_v, weights.sum(-1, keepdim=True)], -1))
    wanted, _ = slowly(q, k, v, sight, scale, shared_k, shared_v)
    torch.testing.assert_close(out.double(), wanted, rtol=0, atol=2e-5)

    rounded = torch.empty(keys, len(q) * groups, size + compiled.PARTS, dtype=torch.bfloat16)
    compiled.own_part(q, k, v, sight, scale, rounded)
    assert torch.equal(rounded[..., :size], asked[..., :size].bfloat16())
    torch.testing.assert_close(rounded[..., size:].float().sum(-1), asked[..., size], rtol=1e-6, atol=0)


@needs_loops
def test_weights_that_are_far_apart_are_those_of_fp64():
    """Scores 400 apart: the others weigh nothing."""
    q = torch.full((1, 1, 4), 10.0)
    k = torch.tensor([[-10.0] * 4, [10.0] * 4, [0.0] * 4]).view(1, 3, 1, 4)
    v = torch.eye(3, 4).view(1, 3, 1, 4)
    sight = Sight.of_counts(torch.arange(3), torch.tensor([3]))
    assert compiled.own_part(q, k, v, sight, 0.5).flatten().tolist() == pytest.approx([0, 1, 0, 0], abs=1e-30)


@needs_loops
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
def test_what_is_no_number_stays_none(wrong):
    """A learner whose training diverged hears so: a single key must not be overlooked."""
    q, v = numbers(1, 1, 4), numbers(1, 9, 1, 4, seed=2)
    sight = Sight.of_counts(torch.arange(9), torch.tensor([9]))
    for at in range(9):
        k = numbers(1, 9, 1, 4, seed=1)
        k[0, at] = wrong
        assert not compiled.own_part(q, k, v, sight, 0.5).isfinite().all()
    values = v.clone()
    values[0, 3] = wrong
    assert not compiled.own_part(q, numbers(1, 9, 1, 4, seed=1), values, sight, 0.5).isfinite().all()
    for bits in (0x7FFFFFFF, -1, 0x7FC00000):
        x = torch.tensor([bits], dtype=torch.int32).view(torch.float32).expand(1, 9).contiguous()
        assert compiled.normalised(x, torch.ones(9), 1e-5, torch.bfloat16).isnan().all()
    assert not compiled.normalised(torch.tensor([[wrong, 1.0]]), torch.ones(2), 1e-5, torch.float32).isfinite().all()


@needs_loops
@pytest.mark.parametrize("column", [0, 4])
def test_a_merge_says_where_a_float_does_not_hold_it(column):
    """Infinite weights alone would give a finite answer, which is wrong."""
    seen = torch.ones(1, 600, 5)
    assert compiled.merge(torch.ones(600, 1, 4), seen)
    seen[0, 599, column] = torch.inf
    assert not compiled.merge(torch.ones(600, 1, 4), seen)


def test_places_see_their_row_up_to_themselves():
    places = attention.Places.of([2, 0, 3], [1, 2, 1], slice(None), torch.device("cpu"))
    sight, mask = places.sight(6), places.mask()
    found = [sight.index[sight.begin[n] : sight.begin[n + 1]].tolist() for n in range(4)]
    for seen, row, column in zip(found, places.rows.tolist(), places.columns.tolist(), strict=True):
        assert seen == [row * 6 + at for at in (mask[row, 0, column] == 0).nonzero().flatten().tolist()]
    assert sight.most == 4


def test_rows_that_are_kept_keep_their_keys():
    cache = attention.RowCache(6, 4)
    cache.places = attention.Places.of([0] * 6, [1] * 6, slice(None), torch.device("cpu"))
    cache.whole(0, numbers(1, 2, 6, 3), numbers(1, 2, 6, 3, seed=1))
    before = [kept.clone() for kept in cache.layers[0]]
    order = cache.keep([1, 4, 5])
    assert sorted(order) == [1, 4, 5] and order[1] == 1
    for kept, was in zip(cache.layers[0], before, strict=True):
        assert torch.equal(kept, was[order])
    assert cache.keep([0, 1, 2]) == [0, 1, 2]
    assert cache.keep([2]) == [2] and cache.rows == 1


ITEM = Score("tiny", "One, two, three. " * 9, ("Four,", "Five and six,", "Seven"), (" eight", " nine and ten"))
TEXT = Generate("tiny", "One, two, three. " * 9, ("Four,", "Five and six,", "Seven" * 50), 12)


def answers(base):
    found = scoring.score(base, base.model, ITEM, Watch())
    return found.logprobs, generation.generate(base, base.model, TEXT, Watch()).texts


@needs_rows_in_line
def test_the_engine_answers_without_them_as_with_them(base, monkeypatch, without):
    calls = []
    monkeypatch.setattr(compiled, "merge", lambda *given, merge=compiled.merge: calls.append(1) or merge(*given))
    logprobs, texts = answers(base)
    assert calls
    without("loops")
    calls.clear()
    slow_logprobs, slow_texts = answers(base)
    assert not calls and texts == slow_texts
    for row, slow in zip(logprobs, slow_logprobs, strict=True):
        assert row == pytest.approx(slow, abs=1e-4)


@needs_rows_in_line
def test_where_the_shared_part_overflows_the_other_way_is_taken(base, monkeypatch):
    wanted = answers(base)
    monkeypatch.setattr(compiled, "merge", lambda out, seen: False)
    found = answers(base)
    assert found[1] == wanted[1]
    for row, other in zip(found[0], wanted[0], strict=True):
        assert row == pytest.approx(other, abs=1e-4)


@given(st.data())
def test_some_tokens_see_what_they_see_among_all(data):
    seen = data.draw(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=5), min_size=1, max_size=6))
    flat = torch.tensor([key for keys in seen for key in keys])
    every = Sight.of_counts(flat, torch.tensor([len(keys) for keys in seen]))
    chosen = data.draw(st.lists(st.integers(0, len(seen) - 1), min_size=1, max_size=6))
    some = every.of_some(torch.tensor(chosen))
    begin = some.begin.tolist()
    found = [some.index[start:end].tolist() for start, end in itertools.pairwise(begin)]
    assert found == [seen[at] for at in chosen] and some.most == max(map(len, found))
    assert some.index.dtype == some.begin.dtype == torch.int32


class Widths:
    """How many tokens go through each layer's block."""

    def __init__(self, monkeypatch):
        self.found, inner = [], fused.GatedMlp.inner

        def spied(block, x):
            self.found.append(x.shape[:-1].numel())
            return inner(block, x)

        monkeypatch.setattr(fused.GatedMlp, "inner", spied)


def looked_at(base, wanted=None, *, low=False, rows=3, width=7):
    """Hidden states of some tokens, or of all, of rows that stand beside a prompt."""
    ids = torch.randint(3, 200, (1, rows * width), generator=torch.Generator().manual_seed(4))
    model, shared = base.model, run_prefix(base.model, list(range(5, 25)))
    if low:
        model, shared = base.rounded, shared.rounded(torch.bfloat16)
    return fused.states(
        model, ids, wanted and torch.tensor(wanted), use_cache=False,
        position_ids=20 + torch.arange(width).repeat(rows).unsqueeze(0), attention_mask=None, prefix=shared,
        sight=Sight.of_rows([torch.ones(width, width, dtype=torch.bool).tril()] * rows),
    )  # fmt: skip


@needs_loops
@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("kept", [True, False], ids=["fits", "overflows"])
def test_the_last_layer_goes_on_with_the_wanted_tokens_alone(base, monkeypatch, kept, low):
    every = looked_at(base, low=low)
    assert torch.equal(looked_at(base, [*reversed(range(21))], low=low), every.flip(0))
    if not kept:
        monkeypatch.setattr(compiled, "merge", lambda out, seen: False)
    widths = Widths(monkeypatch)
    found = looked_at(base, [20, 3, 9, 10], low=low)
    near = 0.05 if low and not kept else 1e-4
    torch.testing.assert_close(found, every[[20, 3, 9, 10]], rtol=near, atol=near)
    if abilities.here().library:
        assert widths.found == [20, 20, 21, 21, 4 if kept else 21]


@needs_loops
def test_of_a_prompt_the_last_layer_computes_keys_and_values_alone(base, monkeypatch):
    tokens = list(range(5, 25))
    with torch.inference_mode():
        whole = base.model.model(input_ids=torch.tensor([tokens]), use_cache=True).cache.layers
    widths = Widths(monkeypatch)
    made = run_prefix(base.model, tokens)
    assert len(widths.found) == (2 if abilities.here().onednn else 0)
    for (keys, values), layer in zip(made.layers, whole, strict=True):
        torch.testing.assert_close(keys, layer.keys)
        torch.testing.assert_close(values, layer.values)


@needs_library
def test_values_and_weights_of_the_shared_part_come_from_two_products():
    made = prefix.made([(numbers(1, 2, 9, 8), numbers(1, 2, 9, 8, seed=1))])
    asked = made.asked(20)
    asked.copy_(numbers(2, 20, 9, seed=2, scale=0.3))
    weights = (asked[..., :8].double() @ made.layers[0][0][0].double().mT + asked[..., 8:].double()).exp()
    wanted = torch.cat([weights @ made.layers[0][1][0].double(), weights.sum(-1, keepdim=True)], -1)
    torch.testing.assert_close(made.seen(0, asked).double(), wanted, rtol=1e-5, atol=1e-5)


def test_without_numba_they_are_not_available(monkeypatch):
    """The loops are imported anew, which then fails."""
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "workers.engine.loops", raising=False)
    monkeypatch.delattr(engine, "loops", raising=False)
    assert not compiled.works()


def test_a_compiler_that_fails_makes_them_unavailable(monkeypatch):
    def fails(*given):
        raise RuntimeError("no such CPU")

    monkeypatch.setattr(compiled, "normalised", fails)
    assert not compiled.works()


@needs_loops
@pytest.mark.parametrize("rows", [1, 8])
def test_angles_that_rows_share_are_read_as_torch_reads_them(rows):
    """They come as views: one row's for all, or halves of a wider tensor."""
    angles = numbers(1, 1, 16)
    for cos, sin in (
        (angles[..., :4].cos(), angles[..., :4].sin()),
        (torch.cat([angles.cos(), angles.sin()], -1)[..., :4], angles.sin()[..., 4:8]),
    ):
        heads = numbers(rows, 1, 2, 4, seed=3)
        expected = rotated(heads, cos.unsqueeze(2), sin.unsqueeze(2))
        torch.testing.assert_close(fused._turned(heads.clone(), cos, sin), expected)


def attended(module=None, values=16, **asked):
    q, k, v = numbers(1, 2, 4, 16), numbers(1, 1, 4, 16, seed=1), numbers(1, 1, 4, values, seed=2)
    return attention.split_attention(module or SimpleNamespace(is_causal=True), q, k, v, None, scaling=0.25, **asked)[0]


@needs_loops
def test_what_is_not_plainly_causal_is_left_to_the_library(monkeypatch):
    """It takes what the loops do not know, or refuses it; none is answered as if it had not been asked."""
    calls = []
    monkeypatch.setattr(compiled, "own_part", lambda *given, own=compiled.own_part: calls.append(1) or own(*given))
    plain = attended()
    assert calls == [1]
    assert attended(values=8).shape[-1] == 8
    assert not torch.allclose(attended(SimpleNamespace(is_causal=False)), plain)
    assert not torch.allclose(attended(is_causal=False), plain)
    with pytest.raises(ValueError, match="softcap"):
        attended(softcap=50.0)
    assert calls == [1]
