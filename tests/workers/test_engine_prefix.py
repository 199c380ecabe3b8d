"""Attention to a shared prefix in its ways, each against softmax attention over all keys in float64."""

import pytest
import torch
from torch import nn

from workers.engine import linear, models, prefix
from workers.engine.linear import RoundedLinear
from workers.engine.prefix import CpuPrefix, Prefix

ROWS, HEADS, GROUPS, QUERIES, SHARED, SIZE = 3, 2, 3, 7, 50, 16
SCALE = SIZE**-0.5
needs_onednn = pytest.mark.skipif(not linear.available(), reason="torch without oneDNN")


@pytest.fixture
def parts():
    torch.manual_seed(5)
    q = torch.randn(ROWS, HEADS, GROUPS * QUERIES, SIZE)
    own = [torch.randn(ROWS, HEADS, QUERIES, SIZE) for _ in "kv"]
    shared = [torch.randn(1, HEADS, SHARED, SIZE) for _ in "kv"]
    mask = torch.full((QUERIES, QUERIES), -torch.inf).triu(1).expand(ROWS, 1, -1, -1)
    return q, own, shared, mask


def expected(q, own, shared, mask):
    """Output and log-sum-exp, with all keys side by side."""
    keys, values = (torch.cat([s.expand(ROWS, -1, -1, -1), o], 2).double() for s, o in zip(shared, own, strict=True))
    scores = q.double() @ keys.mT * SCALE
    scores[..., shared[0].shape[2] :] += mask.repeat(1, 1, GROUPS, 1)
    return scores.softmax(-1) @ values, scores.logsumexp(-1)


def merged(made, q, own, mask):
    value, lse = prefix.attend(q, *own, mask, SCALE)
    return made.merged(0, q, value, lse, SCALE)


@pytest.mark.parametrize("held", [prefix.PLAIN_SCORES, 0], ids=["at once", "in blocks"])
def test_own_part_is_softmax_attention(parts, monkeypatch, held):
    monkeypatch.setattr(prefix, "PLAIN_SCORES", held)
    q, own, shared, mask = parts
    out, lse = prefix.attend(q, *own, mask, SCALE)
    true, true_lse = expected(q, own, [part[:, :, :0] for part in shared], mask)
    torch.testing.assert_close(out.double(), true, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lse.double(), true_lse, atol=1e-5, rtol=1e-5)


def test_plain_prefix_is_softmax_attention_over_both(parts):
    q, own, shared, mask = parts
    torch.testing.assert_close(
        merged(Prefix((tuple(shared),)), q, own, mask).double(), expected(*parts)[0], atol=1e-5, rtol=1e-5
    )


@needs_onednn
@pytest.mark.parametrize("block", [1, 100, prefix.SCORES_HELD])
def test_prefix_by_products_is_softmax_attention_over_both(parts, monkeypatch, block):
    monkeypatch.setattr(prefix, "SCORES_HELD", block)
    q, own, shared, mask = parts
    made = prefix.made([tuple(shared)])
    assert type(made) is CpuPrefix and made.length == SHARED
    torch.testing.assert_close(merged(made, q, own, mask).double(), expected(*parts)[0], atol=1e-5, rtol=1e-5)


@needs_onednn
@pytest.mark.parametrize("stretch", [200.0, -200.0], ids=["outweighs", "is outweighed"])
def test_prefix_by_products_holds_where_scores_are_far_apart(parts, stretch):
    """The shared tokens' weights relative to a row's own are then more, or less, than a float holds."""
    q, own, shared, mask = parts
    shared[0][:] = stretch * q[:1, :, :1]
    made = prefix.made([tuple(shared)])
    torch.testing.assert_close(
        merged(made, q, own, mask).double(), expected(q, own, shared, mask)[0], atol=1e-4, rtol=1e-4
    )


@needs_onednn
def test_layout_keeps_keys_and_values(parts):
    _, _, (key, value), _ = parts
    made = prefix.made([(key, value)])
    for kept in (made, made.to(torch.float32), made.to(torch.bfloat16)):
        found = kept.layers[0]
        assert torch.equal(found[0].float(), key.to(found[0].dtype).float())
        assert torch.equal(found[1].float(), value.to(found[1].dtype).float())
    assert type(made.to(torch.bfloat16)) is Prefix and all(x.is_contiguous() for x in made.to(torch.bfloat16).layers[0])
    assert torch.equal(prefix.wide(made.layers[0][0])[..., -1], torch.ones(HEADS, SHARED))


def test_rounded_copy_rounds_products_alone(base):
    rounded = base.rounded
    twins = dict(base.model.named_parameters())
    for name, parameter in rounded.named_parameters():
        linear_weight = isinstance(rounded.get_submodule(name.rpartition(".")[0]), RoundedLinear)
        assert parameter.dtype == (torch.bfloat16 if linear_weight else torch.float32)
        assert linear_weight or parameter is twins[name]
    assert all(parameter.dtype == torch.float32 for parameter in twins.values())


def test_rounded_layer_adds_its_bias_in_fp32():
    layer = nn.Linear(4, 3).requires_grad_(False)
    layer.bias.fill_(1 + 2**-12)
    bare = nn.Sequential(layer)
    bare.device, bare.get_output_embeddings = torch.device("cpu"), lambda: None
    (made,) = models.rounded(bare)
    assert torch.equal(made(torch.zeros(2, 4)), layer.bias.expand(2, -1))
