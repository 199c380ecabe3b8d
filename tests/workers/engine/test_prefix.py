"""Attention to a shared prefix in its ways, each against softmax attention over all keys in float64."""

import pytest
import torch
from torch import nn

from tests.workers.machine import needs_library, needs_onednn
from workers.engine import attention, models, prefix, softmax
from workers.engine.linear import RoundedLinear
from workers.engine.prefix import CpuPrefix, Prefix, RoundedPrefix
from workers.engine.prompts import run_prefix

ROWS, HEADS, GROUPS, QUERIES, SHARED, SIZE = 3, 2, 3, 7, 50, 16
SCALE = SIZE**-0.5


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
    value, lse = softmax.attend(q, *own, mask, SCALE)
    return made.merged(0, q, value, lse, SCALE)


@pytest.mark.parametrize("held", [softmax.PLAIN_SCORES, 0], ids=["at once", "the library's"])
def test_own_part_is_softmax_attention(parts, monkeypatch, held):
    monkeypatch.setattr(softmax, "PLAIN_SCORES", held)
    q, own, shared, mask = parts
    out, lse = softmax.attend(q, *own, mask, SCALE)
    true, true_lse = expected(q, own, [part[:, :, :0] for part in shared], mask)
    torch.testing.assert_close(out.double(), true, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(lse.double(), true_lse, atol=1e-5, rtol=1e-5)


@needs_onednn
@pytest.mark.parametrize("held", [1, 400, softmax.CAUSAL_SCORES_HELD])
@pytest.mark.parametrize("tree", [False, True], ids=["causal", "with siblings"])
@pytest.mark.parametrize("library", [False, pytest.param(True, marks=needs_library)])
def test_own_part_in_blocks_is_softmax_attention(parts, monkeypatch, without, held, tree, library):
    """Siblings do not see each other, and nothing sees what comes after it."""
    other = "_beside_highest" if library else "_beside_own"
    monkeypatch.setattr(softmax, other, lambda *_: pytest.fail("the other way was taken"))
    if not library:
        without("library")
    monkeypatch.setattr(softmax, "CAUSAL_SCORES_HELD", held)
    monkeypatch.setattr(softmax, "SEEN_HELD", held)
    monkeypatch.setattr(softmax, "MANY_TOKENS", 1)
    q, own, shared, mask = parts
    if tree:
        mask = mask.clone()
        mask[1, :, -1, -2] = -torch.inf
    true, true_lse = expected(q, own, [part[:, :, :0] for part in shared], mask)
    ways = [softmax.attend(q, *own, mask, SCALE)]
    if not tree:
        ways.append(softmax.in_blocks(q, *own, None, SCALE))
    for out, lse in ways:
        torch.testing.assert_close(out.double(), true, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(lse.double(), true_lse, atol=1e-5, rtol=1e-5)


@needs_library
@pytest.mark.parametrize("tree", [False, True], ids=["causal", "with a mask"])
@pytest.mark.parametrize("first", [30.0, 86.5, 88.0, 300.0, -300.0])
def test_blocks_hold_where_a_token_outweighs_the_querys_own(parts, monkeypatch, tree, first):
    """By more than a float holds, by so much only once it is multiplied, or less: also where it comes later and must
    not be seen."""
    monkeypatch.setattr(softmax, "MANY_TOKENS", 1)
    q, own, shared, mask = parts
    q[:] = 0.0
    q[..., 0] = 1 / SCALE
    own[1] *= 20
    own[0][..., 0] = 0.0
    own[0][:, :, [0, -1], 0] = torch.tensor([first, 2 * first])
    true, true_lse = expected(q, own, [part[:, :, :0] for part in shared], mask)
    out, lse = softmax.in_blocks(q, *own, mask if tree else None, SCALE)
    torch.testing.assert_close(out.double(), true, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(lse.double(), true_lse, atol=1e-4, rtol=1e-4)


@needs_onednn
def test_blocks_are_for_many_tokens_in_fp32_without_gradients(parts):
    q, key = parts[0], torch.zeros(ROWS, HEADS, softmax.MANY_TOKENS, SIZE)
    assert softmax.fits_blocks(q, key) and not softmax.fits_blocks(q, key[:, :, 1:])
    assert not softmax.fits_blocks(q.bfloat16(), key) and not softmax.fits_blocks(q.requires_grad_(), key)
    with torch.no_grad():
        assert softmax.fits_blocks(q, key)


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
    made, plain = prefix.made([(key, value)]), Prefix(((key, value),))
    low = plain.rounded(torch.bfloat16)
    for kept in (made, made.rounded(torch.float32), plain.rounded(torch.float32), low):
        found = kept.layers[0]
        assert torch.equal(found[0].float(), key.to(found[0].dtype).float())
        assert torch.equal(found[1].float(), value.to(found[1].dtype).float())
    assert type(low) is Prefix and all(x.dtype == torch.bfloat16 and x.is_contiguous() for x in low.layers[0])
    assert torch.equal(prefix.wide(made.layers[0][0])[..., -1], torch.ones(HEADS, SHARED))


def rounded(made):
    found = made.rounded(torch.float32)
    assert type(found) is RoundedPrefix and found.length == made.length
    return found


@needs_library
@pytest.mark.parametrize("block", [1, 30, prefix.SCORES_HELD])
def test_rounded_prefix_is_near_softmax_attention_over_both(parts, monkeypatch, block):
    """Nearer than bf16 throughout: what is added up is not rounded."""
    monkeypatch.setattr(prefix, "SCORES_HELD", block)
    q, own, shared, mask = parts
    true, made = expected(*parts)[0], prefix.made([tuple(shared)])
    error = (merged(rounded(made), q, own, mask) - true).abs()
    low = [x.bfloat16() for x in (q, *own, *shared)]
    former = (merged(Prefix((tuple(low[3:]),)), low[0], low[1:3], mask) - true).abs()
    assert 0 < error.mean() < former.mean() and error.max() < 0.02


@needs_library
@pytest.mark.parametrize("stretch", [200.0, -200.0], ids=["outweighs", "is outweighed"])
def test_rounded_prefix_holds_where_scores_are_far_apart(parts, stretch):
    q, own, shared, mask = parts
    shared[0][:] = stretch * q[:1, :, :1]
    found = merged(rounded(prefix.made([tuple(shared)])), q, own, mask)
    torch.testing.assert_close(found.double(), expected(q, own, shared, mask)[0], atol=2e-2, rtol=1e-2)


@needs_onednn
@pytest.mark.parametrize("exactly", [True, pytest.param(False, marks=needs_library)])
@pytest.mark.parametrize("score", [86.5, 88.0, 88.5])
def test_prefix_holds_where_weights_fit_a_float_and_what_they_weigh_does_not(parts, exactly, score):
    q, own, shared, mask = parts
    q[:], own[0][:] = 0.0, 0.0
    q[..., 0] = 1 / SCALE
    shared[0][:, :, 3, 0], shared[1][:, :, 3] = score, 20.0
    made = prefix.made([tuple(shared)])
    found = merged(made if exactly else rounded(made), q, own, mask)
    torch.testing.assert_close(found.double(), expected(q, own, shared, mask)[0], atol=2e-2, rtol=1e-2)


@needs_library
def test_what_a_part_is_relative_to_is_not_rounded(parts):
    """Here scores of both parts are near 20,480, which two numbers in bf16 hold to the nearest sixth."""
    q, own, shared, mask = parts
    q[..., 0], own[0][..., 0], shared[0][..., 0] = 64.0, 1280.0, 1280.0
    found = merged(rounded(prefix.made([tuple(shared)])), q, own, mask)
    torch.testing.assert_close(found.double(), expected(q, own, shared, mask)[0], atol=2e-2, rtol=0)


@needs_onednn
def test_prefix_stays_exact_where_the_library_is_missing(parts, without):
    without("library")
    made = prefix.made([tuple(parts[2])])
    assert made.rounded(torch.float32) is made


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


@needs_onednn
@pytest.mark.parametrize("tokens", [softmax.MANY_TOKENS, softmax.MANY_TOKENS + 77])
def test_shared_tokens_are_read_as_the_library_reads_them(base, models_dir, monkeypatch, tokens):
    monkeypatch.setattr(softmax, "CAUSAL_SCORES_HELD", 1 << 14)
    ids = (torch.arange(tokens) * 37 % base.model.config.vocab_size).tolist()
    found = run_prefix(base.model, ids)
    exact = models.load(models_dir / base.name, split=False).model
    with torch.inference_mode():
        cache = exact.model(input_ids=torch.tensor([ids]), use_cache=True).past_key_values
    for (key, value), layer in zip(found.layers, cache.layers, strict=True):
        torch.testing.assert_close(key, layer.keys, atol=2e-3, rtol=1e-3)
        torch.testing.assert_close(value, layer.values, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("each", [0, 10**9, None], ids=["row by row", "token by token", "compiled"])
def test_new_keys_and_values_stand_in_their_slots(monkeypatch, without, each):
    if each is not None:
        without("loops")
        monkeypatch.setattr(attention, "MANY_EACH", each)
    begun, new, window = [2, 0, 5], [3, 4, 1], slice(1, 4)
    cache = attention.RowCache(5, 7)
    cache.places = attention.Places.of(begun, new, window, torch.device("cpu"))
    key, value = torch.randn(2, 1, HEADS, sum(new), SIZE)
    keys, values = cache.extend(0, key, value, 6)
    for found, given in ((keys, key), (values, value)):
        wanted = torch.zeros(3, HEADS, 6, SIZE)
        at = 0
        for row, (start, count) in enumerate(zip(begun, new, strict=True)):
            for slot in range(start, start + count):
                wanted[row, :, slot] = given[0, :, at]
                at += 1
        assert torch.equal(found, wanted)
    assert all(not kept[[0, 4]].any() for kept in cache.layers[0])
