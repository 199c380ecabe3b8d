"""The head by blocks of the vocabulary beside what the library computes."""

import copy
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from workers.engine import head
from workers.engine.linear import use_onednn

VOCABULARY, WIDTH = 53, 8


def model_with_head(*, bias: bool, onednn: bool) -> SimpleNamespace:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        layer = nn.Linear(WIDTH, VOCABULARY, bias=bias).requires_grad_(False)
    holder = nn.Sequential(layer)
    if onednn:
        use_onednn(holder)
    return SimpleNamespace(lm_head=holder[0])


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_blocks_of_the_vocabulary_add_up_to_log_softmax(data):
    model = model_with_head(bias=data.draw(st.booleans()), onednn=data.draw(st.booleans()))
    positions = data.draw(st.integers(1, 9))
    pair = st.tuples(st.integers(0, positions - 1), st.integers(0, VOCABULARY - 1))
    wanted = data.draw(st.lists(pair, min_size=1, max_size=20))
    hidden = torch.randn(positions, WIDTH, generator=torch.Generator().manual_seed(positions)) * 30
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(head, "FEWEST_COLUMNS", data.draw(st.integers(1, 60)))
        patch.setattr(head, "LOGITS_HELD", 1)
        patch.setattr(head, "POSITIONS", data.draw(st.integers(1, 10)))
        found = head.token_logprobs(model, hidden, wanted)
    expected = model.lm_head.double()(hidden.double()).log_softmax(-1)
    assert found == pytest.approx([expected[at, token].item() for at, token in wanted], abs=2e-5)


def test_numbers_that_are_none_are_seen_in_every_block():
    model = model_with_head(bias=False, onednn=False)
    hidden = torch.ones(2, WIDTH)
    hidden[1, 0] = torch.nan
    first, second = head.token_logprobs(model, hidden, [(0, 1), (1, 1)])
    assert first == first and second != second


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_completion_loss_and_its_gradient_are_the_librarys(data):
    bias, onednn = data.draw(st.booleans()), data.draw(st.booleans())
    layer = model_with_head(bias=bias, onednn=onednn).lm_head
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
