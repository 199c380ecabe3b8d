"""Packed training steps and the fused LoRA layer against PEFT's own layers, one row at a time."""

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graders.base import Train
from tests.workers import oracle, tiny
from workers.engine import adapters, attention, lora
from workers.engine.packing import Example, pack
from workers.engine.watch import Watch

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

SHARED = "Sort each complaint into a specialty.\n\nInput: "
TEXTS = ("itchy rash on both arms", "pain", "short of breath on the stairs", "a sour taste at night", "swollen ankles")
ROWS = tuple((f"{SHARED}{text}\nOutput:", f" {label}") for text, label in zip(TEXTS, "abcde", strict=True))
ITEM = Train(
    tiny.NAME, ROWS, (), r=4, lora_alpha=8, learning_rate=5e-3, num_train_epochs=2,
    per_device_train_batch_size=5, seed=3,
)  # fmt: skip


def with_weights(model):
    """LoRA's second matrix starts at zero, which would hide the first one's gradient."""
    chance = torch.Generator().manual_seed(9)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=chance) * 0.3
    return model


def gradients(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_near(found, wanted):
    """To a ten-thousandth of each gradient's largest entry: fp32 sums in another order."""
    for name, gradient in wanted.items():
        assert (found[name] - gradient).abs().max() <= 1e-4 * gradient.abs().max(), name


def plain_loss(model, base, rows):
    """PEFT's own layers, the library's own attention, one row at a time."""
    total = 0.0
    for example in lora.examples(base, rows, 512):
        logprobs = model(input_ids=torch.tensor([example.tokens])).logits[0].log_softmax(-1)
        for at in range(example.start, len(example.tokens)):
            total = total - logprobs[at - 1, example.tokens[at]]
    return total


@pytest.fixture
def pair(base, models_dir):
    """The same weights twice: packed and fused, and as PEFT leaves them."""
    ours = with_weights(lora.trainable(base, ITEM, base.model))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ITEM.seed)
        theirs = adapters.wrap(oracle.plain(models_dir / tiny.NAME), ITEM.r, ITEM.lora_alpha)
    return ours, with_weights(theirs)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], (("rash", " skin"), ("pain", " heart and more"))], ids=len)
def test_loss_and_gradients_agree_with_the_oracle(base, pair, rows):
    ours, theirs = pair
    loss, expected = lora._loss(base, ours, lora.examples(base, rows, 512)), plain_loss(theirs, base, rows)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    loss.backward()
    expected.backward()
    found, wanted = gradients(ours), gradients(theirs)
    assert found.keys() == wanted.keys() and len(found) == 2 * 7 * 3
    assert_near(found, wanted)


@pytest.fixture
def library_attention(monkeypatch):
    monkeypatch.setattr(attention, "KEPT_SCORES", 0)


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]], ids=len)
def test_rows_with_too_many_scores_to_keep_have_the_same_gradients(base, pair, rows, library_attention):
    test_loss_and_gradients_agree_with_the_oracle(base, pair, rows)


@given(
    rows=st.integers(1, 3), heads=st.integers(1, 2), groups=st.integers(1, 3),
    queries=st.integers(1, 9), before=st.integers(0, 7),
)  # fmt: skip
@settings(deadline=None, max_examples=40)
def test_attention_of_a_training_step_agrees_with_the_librarys(rows, heads, groups, queries, before):
    chance = torch.Generator().manual_seed(rows * 1000 + queries * 10 + before)

    def some(*shape):
        return torch.randn(*shape, generator=chance, dtype=torch.float64).requires_grad_()

    q = some(rows, heads * groups, queries, 8)
    k, v = some(rows, heads, before + queries, 8), some(rows, heads, before + queries, 8)
    weights = torch.randn(q.shape, generator=chance, dtype=torch.float64)
    seen = torch.ones(queries, before + queries, dtype=torch.bool).tril(before)
    expected = torch.nn.functional.scaled_dot_product_attention(
        q, k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1), seen
    )
    wanted = torch.autograd.grad((expected * weights).sum(), (q, k, v))
    for dtype, near in ((torch.float32, 1e-5), (torch.bfloat16, 5e-2)):
        low = [x.detach().to(dtype).requires_grad_() for x in (q, k, v)]
        found = attention._causal(*low, None, before)
        assert found.dtype == dtype and (found.double() - expected).abs().max() <= near * 4
        for got, want in zip(torch.autograd.grad((found * weights).sum(), low), wanted, strict=True):
            assert got.dtype == dtype and (got.double() - want).abs().max() <= near * 8


def test_batch_in_parts_has_the_same_gradient_as_in_one(base, monkeypatch):
    rows = lora.examples(base, ROWS, 512)
    results = []
    for tokens in (lora.STEP_TOKENS, 1):
        monkeypatch.setattr(lora, "STEP_TOKENS", tokens)
        model = with_weights(lora.trainable(base, ITEM, base.model))
        weights = [p for p in model.parameters() if p.requires_grad]
        loss = lora._step(base, model, rows, weights, torch.optim.SGD(weights, lr=0.0))
        results.append((loss, gradients(model)))
    (whole, one), (parts, many) = results
    assert whole == pytest.approx(parts, rel=1e-5)
    assert_near(many, one)


def test_what_all_rows_share_is_computed_once(base):
    rows = lora.examples(base, ROWS, 512)
    packed = pack(rows, base.eos, torch.device("cpu"))
    head = base.encode([SHARED])[0]
    assert packed.tree.shared >= len(head) - 1
    assert packed.ids.shape[1] == packed.tree.shared + len(rows) * packed.tree.width
    assert len(packed.targets) == sum(len(row.tokens) - row.start for row in rows)


token = st.integers(3, 60)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(token, max_size=12),
    st.lists(
        st.tuples(st.lists(token, min_size=1, max_size=9), st.lists(token, min_size=1, max_size=5)),
        min_size=1,
        max_size=5,
    ),
)
def test_any_rows_agree_with_the_oracle(base, plain, shared, parts):
    rows = [Example([*shared, *prompt, *completion], len(shared) + len(prompt)) for prompt, completion in parts]
    expected = 0.0
    with torch.no_grad():
        for row in rows:
            logprobs = plain(input_ids=torch.tensor([row.tokens])).logits[0].log_softmax(-1)
            expected -= sum(logprobs[at - 1, row.tokens[at]].item() for at in range(row.start, len(row.tokens)))
        found = lora._loss(base, untrained(base), rows).item()
    assert found == pytest.approx(expected, abs=2e-3)


def untrained(base):
    """An adapter that changes nothing yet."""
    return lora.trainable(base, ITEM, base.model)


def test_training_over_a_low_precision_base_ends_near_the_exact_one(base, tmp_path):
    item = replace(ITEM, num_train_epochs=20, valid=ROWS[:3])
    exact = lora.train(base, item, tmp_path / "exact", Watch())
    low = lora.train(base, item, tmp_path / "low", Watch(), frozen=base.half)
    assert exact.valid_loss is not None and exact.valid_loss < 3
    assert low.valid_loss == pytest.approx(exact.valid_loss, rel=0.1, abs=0.05)
    assert all(p.dtype == torch.bfloat16 for p in base.half.parameters())
    assert all(p.dtype == torch.float32 for p in base.model.parameters())
