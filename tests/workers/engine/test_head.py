"""The head by blocks of the vocabulary beside what the library computes."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.workers.machine import needs_library
from workers.engine import head
from workers.engine.head import QuickHead
from workers.engine.linear import use_onednn

VOCABULARY, WIDTH = 53, 8


def some_head(*, bias: bool, onednn: bool) -> nn.Linear:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        layer = nn.Linear(WIDTH, VOCABULARY, bias=bias).requires_grad_(False)
    holder = nn.Sequential(layer)
    if onednn:
        use_onednn(holder)
    return holder[0]


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_blocks_of_the_vocabulary_add_up_to_log_softmax(data):
    layer = some_head(bias=data.draw(st.booleans()), onednn=data.draw(st.booleans()))
    positions = data.draw(st.integers(1, 9))
    pair = st.tuples(st.integers(0, positions - 1), st.integers(0, VOCABULARY - 1))
    wanted = data.draw(st.lists(pair, min_size=1, max_size=20))
    hidden = torch.randn(positions, WIDTH, generator=torch.Generator().manual_seed(positions)) * 30
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head, "FEWEST_COLUMNS", data.draw(st.integers(1, 60)))
        patch.setattr(head, "LOGITS_HELD", 1)
        patch.setattr(head, "POSITIONS", data.draw(st.integers(1, 10)))
        found = head.token_logprobs(layer, hidden, wanted)
    expected = layer.double()(hidden.double()).log_softmax(-1)
    assert found == pytest.approx([expected[at, token].item() for at, token in wanted], abs=2e-5)


def test_numbers_that_are_none_are_seen_in_every_block():
    layer = some_head(bias=False, onednn=False)
    hidden = torch.ones(2, WIDTH)
    hidden[1, 0] = torch.nan
    first, second = head.token_logprobs(layer, hidden, [(0, 1), (1, 1)])
    assert first == first and second != second


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_completion_loss_and_its_gradient_are_the_librarys(data):
    bias, onednn = data.draw(st.booleans()), data.draw(st.booleans())
    layer = some_head(bias=bias, onednn=onednn)
    positions = data.draw(st.integers(1, 9))
    tokens = st.lists(st.integers(0, VOCABULARY - 1), min_size=positions, max_size=positions)
    targets = torch.tensor(data.draw(tokens))
    hidden = torch.randn(positions, WIDTH, generator=torch.Generator().manual_seed(positions))
    exact = hidden.double().requires_grad_()
    expected = nn.functional.cross_entropy(copy.deepcopy(layer).double()(exact), targets, reduction="sum")
    (wanted,) = torch.autograd.grad(expected * 3, exact)
    for dtype, near in ((torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
        low = hidden.to(dtype).requires_grad_()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(head, "LOGITS_HELD", data.draw(st.integers(1, 6 * VOCABULARY)))
            loss = head.completion_loss(copy.deepcopy(layer).to(dtype), low, targets)
        assert loss.dtype == torch.float32 and loss.item() == pytest.approx(expected.item(), rel=near)
        (found,) = torch.autograd.grad(loss * 3, low)
        assert found.dtype == dtype and (found.double() - wanted).abs().max() <= near * 3 * positions
        with torch.no_grad():
            quiet = head.completion_loss(copy.deepcopy(layer).to(dtype), low, targets)
        assert not quiet.requires_grad and quiet.item() == pytest.approx(loss.item(), rel=1e-5)


MARGIN = 1e-3


def quick_head(vocabulary=300, width=24, twins=(), apart=1e-3):
    """And the head itself. `twins` are tokens whose weights are the same but for a little."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        layer = nn.Linear(width, vocabulary, bias=False).requires_grad_(False)
    layer.weight *= torch.linspace(0.1, 4, vocabulary).unsqueeze(1)
    for n, token in enumerate(twins):
        layer.weight[token] = layer.weight[twins[0]] * (1 + apart * n)
    return QuickHead.of(layer), layer


def answered(quick, layer, hidden):
    """What the quick head says, once it is seen to be what the slow one says: numbers of fp64 decide."""
    tokens, tied = quick.best(hidden, MARGIN)
    logits = layer.weight.double() @ hidden.double().T
    best = logits.topk(2, 0)
    gap = best.values[0] - best.values[1]
    clear = (gap - MARGIN).abs() > 1e-4
    assert torch.equal(tied[clear], (gap < MARGIN)[clear])
    assert torch.equal(tokens[~tied], best.indices[0][~tied])
    assert (logits.gather(0, tokens[None])[0] > best.values[0] - MARGIN).all()
    return tokens, tied


@needs_library
@given(st.integers(1, 40), st.integers(0, 9), st.sampled_from([0.01, 1.0, 50.0]))
@settings(deadline=None, max_examples=40)
def test_quick_head_finds_the_likeliest_token(positions, seed, scale):
    hidden = torch.randn(positions, 24, generator=torch.Generator().manual_seed(seed)) * scale
    answered(*quick_head(), hidden)


@needs_library
@given(st.integers(2, 3 * head.CANDIDATES), st.integers(0, 9))
@settings(deadline=None, max_examples=40)
def test_quick_head_tells_tokens_apart_that_bf16_does_not(count, seed):
    """There may be more of them than have their logits computed."""
    quick, layer = quick_head(twins=range(299, 299 - count, -1))
    hidden = torch.randn(9, 24, generator=torch.Generator().manual_seed(seed))
    hidden[:5] += layer.weight[299]
    answered(quick, layer, hidden)


@needs_library
def test_quick_head_asks_the_whole_head_only_where_bounds_do_not_decide(monkeypatch):
    asked, slow = [], head.best
    monkeypatch.setattr(head, "best", lambda logits, margin: asked.append(len(logits)) or slow(logits, margin))
    hidden = torch.randn(50, 24, generator=torch.Generator().manual_seed(1)) * 5
    answered(*quick_head(), hidden)
    assert sum(asked) < 10
    asked.clear()
    quick, layer = quick_head(twins=range(299, 279, -1), apart=0)
    answered(quick, layer, hidden + 9 * layer.weight[299])
    assert sum(asked) > 40


@needs_library
@pytest.mark.parametrize("of", ["position", "weight"])
@pytest.mark.parametrize("seed", range(5))
def test_bounds_hold_where_they_are_nearly_reached(of, seed):
    """One of two vectors is what rounding takes from the other, so that all that is lost points one way."""
    given = torch.randn(64, generator=torch.Generator().manual_seed(seed))
    taken = given - given.bfloat16().float()
    along = (taken * 1000).bfloat16().float()
    position, weight = (given, along) if of == "position" else (along, given)
    layer = nn.Linear(64, 300, bias=False).requires_grad_(False)
    layer.weight[:] = weight
    bound, logit = QuickHead.of(layer).bounds(position[None])[0, 7], position.double() @ weight.double()
    lost = (taken.norm() * along.norm()).item()
    assert logit <= bound <= logit + 0.06 * lost


@needs_library
@pytest.mark.parametrize("width", [576, 4096])
def test_bounds_hold_where_sums_alone_are_rounded(width):
    """Numbers that bf16 holds, all of one sign: nothing is lost but in adding them up."""
    layer = nn.Linear(width, 300, bias=False).requires_grad_(False)
    layer.weight[:] = torch.rand(300, width, generator=torch.Generator().manual_seed(1)).bfloat16()
    hidden = torch.rand(16, width, generator=torch.Generator().manual_seed(2)).bfloat16().float()
    assert (QuickHead.of(layer).bounds(hidden) >= hidden.double() @ layer.weight.double().T).all()


@needs_library
def test_bounds_are_never_below_the_logits():
    quick, layer = quick_head(vocabulary=2000, width=576)
    hidden = torch.randn(64, 576, generator=torch.Generator().manual_seed(3)) * 3
    bounds, logits = quick.bounds(hidden), hidden.double() @ layer.weight.double().T
    assert (bounds >= logits).all()
    assert (bounds - logits).mean() < 0.1 * logits.std()


@needs_library
def test_quick_head_answers_where_numbers_are_none():
    quick, _ = quick_head()
    hidden = torch.ones(2, 24)
    hidden[1, 0] = torch.nan
    tokens, _ = quick.best(hidden, MARGIN)
    assert tokens[0] == quick.best(hidden[:1], MARGIN)[0] and 0 <= tokens[1] < 300


def test_a_head_of_another_kind_has_no_quick_way():
    assert QuickHead.of(nn.Linear(24, 300)) is None
    assert QuickHead.of(nn.Linear(24, 300, bias=False).bfloat16()) is None
    assert QuickHead.of(nn.Sequential(nn.Linear(24, 300, bias=False))) is None
    assert QuickHead.of(nn.Linear(24, head.CANDIDATES, bias=False)) is None
