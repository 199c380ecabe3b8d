"""Split attention: where tokens belong, what they see, and what rows keep."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.engine import attention
from workers.engine.attention import RowCache, RowLayout, SplitContext, split_attention
from workers.engine.choice import DEFAULT
from workers.engine.kernels import Kernels
from workers.engine.prompts import run_prefix

CPU = torch.device("cpu")
HEADS, GROUPS, SIZE = 2, 3, 16


class Module:
    layer_idx = 0


def some(seed, *shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def split_context(prefix, layout, own=None):
    return SplitContext(Kernels.of(DEFAULT, "cpu").attend, prefix, layout, own)


def row_by_row(q, k, v, shared, seen):
    """`[1, N, H, D]` in float64: each row alone, with all keys side by side."""
    found, at = [], 0
    for one in seen:
        part = slice(at, at + len(one))
        at += len(one)
        keys, values = (
            torch.cat([before[0], x[0, :, part]], 1).double().repeat_interleave(GROUPS, 0)
            for before, x in zip(shared, (k, v), strict=True)
        )
        scores = q[0, :, part].double() @ keys.mT * SIZE**-0.5
        scores[..., shared[0].shape[2] :].masked_fill_(~one, -torch.inf)
        found.append((scores.softmax(-1) @ values).transpose(0, 1))
    return torch.cat(found).unsqueeze(0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=5), st.integers(0, 40), st.booleans(), st.integers(0, 99))
@settings(deadline=None, max_examples=40)
def test_rows_see_what_is_shared_and_their_own(counts, shared, siblings, seed):
    seen = [torch.ones(count, count, dtype=torch.bool).tril() for count in counts]
    for one in seen:
        if siblings and len(one) > 2:
            one[-1, -2] = False
    q, k, v = (some(seed + n, 1, heads, sum(counts), SIZE) for n, heads in enumerate((HEADS * GROUPS, HEADS, HEADS)))
    prefix = tuple(some(seed + n, 1, HEADS, shared, SIZE) for n in (3, 4))
    given_ = split_context((prefix,) if shared else (), RowLayout.of(seen, CPU))
    found, _ = split_attention(Module(), q, k, v, None, split_context=given_)
    torch.testing.assert_close(found.double(), row_by_row(q, k, v, prefix, seen), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("rows", "order"), [([0, 1, 2, 3], [0, 1, 2, 3]), ([1, 3], [3, 1]), ([2, 3], [2, 3]), ([0], [0])]
)
def test_finished_rows_leave_and_the_last_fill_their_gaps(rows, order):
    cache = RowCache(4, 3)
    cache.layers[0] = (torch.arange(4.0).view(4, 1, 1, 1).repeat(1, 3, 1, 1), torch.zeros(4, 3, 1, 1))
    found = cache.keep(rows)
    assert sorted(found) == sorted(rows) and len(found) == len(order)
    assert cache.layers[0][0][:, 0, 0, 0].tolist() == found and cache.rows == len(rows)


def test_rows_that_are_read_in_parts_see_what_they_saw_whole(base, plain):
    """Keys of shared tokens are the library's."""
    ids = base.encode(["Input: an itchy red rash on both arms since last week"])[0]
    prefix = run_prefix(base.model, ids)
    assert attention.length(prefix) == len(ids) and attention.length(()) == 0
    with torch.no_grad():
        cache = plain(input_ids=torch.tensor([ids]), use_cache=True).cache
    for (key, value), layer in zip(prefix, cache.layers, strict=True):
        torch.testing.assert_close(key, layer.keys, atol=2e-4, rtol=1e-4)
        torch.testing.assert_close(value, layer.values, atol=2e-4, rtol=1e-4)


def test_only_the_tokens_of_a_row_make_its_mask():
    layout = RowLayout.of([torch.ones(1, 1, dtype=torch.bool), torch.ones(3, 3, dtype=torch.bool).tril()], CPU)
    mask = layout.mask(2, torch.float32)
    assert mask.shape == (2, 1, 6, 3) and mask is layout.mask(2, torch.float32)
    assert (mask[1, 0, :3] == 0).tolist() == torch.ones(3, 3).tril().bool().tolist()
    assert (mask == 0).any(-1).all(), "no softmax is empty"
