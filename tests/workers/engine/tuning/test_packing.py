"""Packed training steps against PEFT's own layers, row by row."""

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import PeftModel

from graders.base import Train
from tests.workers import oracle, tiny
from workers.engine import attention
from workers.engine.session import Session
from workers.engine.tuning import adapters, objectives, training
from workers.engine.tuning.packing import Example, pack
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
            parameter.data.copy_(torch.randn(parameter.shape, generator=chance) * 0.3)
    return model


def found_by(model):
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def made(base, *, bf16=False):
    return with_weights(training.trainable(base, ITEM, bf16=bf16))


def assert_near(found, wanted, zero=0.0):
    """To a ten-thousandth of each gradient's largest entry: fp32 sums in another order. Entries below `zero` are 0."""
    for name, gradient in wanted.items():
        assert (found[name] - gradient).abs().max() <= max(zero, 1e-4 * gradient.abs().max()), name


def plain_loss(model, base, rows):
    """PEFT's own layers, the library's own attention, one row at a time."""
    return loss_of(model, objectives.examples(base, rows, 512))


def loss_of(model, examples):
    total = 0.0
    for example in examples:
        logprobs = model(input_ids=torch.tensor([example.tokens])).logits[0].log_softmax(-1)
        for at in range(example.start, len(example.tokens)):
            total = total - logprobs[at - 1, example.tokens[at]]
    return total


def as_peft_leaves_it(models_dir):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(ITEM.seed)
        return with_weights(adapters.wrap(oracle.plain(models_dir / tiny.NAME), ITEM.r, ITEM.lora_alpha))


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], (("rash", " skin"), ("pain", " heart and more"))], ids=len)
def test_loss_and_gradients_agree_with_the_oracle(base, models_dir, rows):
    ours, theirs = made(base), as_peft_leaves_it(models_dir)
    expected = plain_loss(theirs, base, rows)
    loss = objectives.negative_log_likelihood(base, ours, objectives.examples(base, rows, 512)).sum()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (loss / 2).backward()
    (expected / 2).backward()
    found, wanted = found_by(ours), found_by(theirs)
    assert found.keys() == wanted.keys() and len(found) == 2 * 7 * 3
    assert_near(found, wanted)


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
        bf16 = [x.detach().to(dtype).requires_grad_() for x in (q, k, v)]
        found = attention._causal(*bf16, 8**-0.5, before)
        assert found.dtype == dtype and (found.double() - expected).abs().max() <= near * 4
        for got, want in zip(torch.autograd.grad((found * weights).sum(), bf16), wanted, strict=True):
            assert got.dtype == dtype and (got.double() - want).abs().max() <= near * 8


def test_batch_in_parts_has_the_same_gradient_as_in_one(base, monkeypatch):
    rows = objectives.examples(base, ROWS, 512)
    results = []
    for tokens in (training.STEP_TOKENS, 1):
        monkeypatch.setattr(training, "STEP_TOKENS", tokens)
        ours = made(base)
        weights = [weight for weight in ours.parameters() if weight.requires_grad]
        loss, _ = training._step(base, ours, objectives.Completions(), rows, torch.optim.SGD(weights, lr=0.0))
        results.append((loss, found_by(ours)))
    (whole, one), (parts, many) = results
    assert whole == pytest.approx(parts, rel=1e-5)
    assert_near(many, one)


def test_what_all_rows_share_is_computed_once(base):
    rows = objectives.examples(base, ROWS, 512)
    packed = pack(rows, base.eos, torch.device("cpu"))
    head = base.encode([SHARED])[0]
    assert packed.packed_layout.shared >= len(head) - 1
    assert packed.ids.shape[1] == packed.packed_layout.shared + len(rows) * packed.packed_layout.width
    assert len(packed.targets) == sum(len(row.tokens) - row.start for row in rows)


token = st.integers(3, 60)


@st.composite
def _rows(draw):
    shared = draw(st.lists(token, max_size=12))
    part = st.tuples(st.lists(token, min_size=1, max_size=9), st.lists(token, min_size=1, max_size=5))
    parts = draw(st.lists(part, min_size=1, max_size=5))
    return [Example([*shared, *prompt, *completion], len(shared) + len(prompt)) for prompt, completion in parts]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_rows())
def test_any_rows_agree_with_the_oracle(base, plain, rows):
    with torch.no_grad():
        expected = loss_of(plain, rows)
        ours = objectives.negative_log_likelihood(base, training.trainable(base, ITEM, bf16=False), rows).sum()
    assert ours.item() == pytest.approx(expected.item(), abs=2e-3)


OTHERWISE = {
    "biases": {"attention_bias": True},
    "another activation": {"hidden_act": "gelu"},
    "scaled residuals": {"kind": "granite", "residual_multiplier": 0.5, "head_dim": 8},
    "scores of another scale": {"kind": "granite", "logits_scaling": 4.0},
}


@pytest.mark.parametrize("changes", OTHERWISE.values(), ids=OTHERWISE)
def test_a_model_that_is_built_otherwise_is_trained_as_well(tmp_path, changes):
    tiny.build(tmp_path, "other", **changes)
    session = Session(tmp_path, tmp_path)
    trained = session.run(replace(ITEM, model="other", num_train_epochs=10, valid=ROWS), Watch())
    base = session.base("other")
    peft = PeftModel.from_pretrained(oracle.plain(tmp_path / "other"), trained.files)
    rows = objectives.examples(base, ROWS, 512)
    assert trained.valid_loss == pytest.approx(
        plain_loss(peft, base, ROWS).item() / objectives.completion_tokens(rows), rel=0.02
    )


def test_training_over_a_low_precision_base_ends_near_the_exact_one(base, tmp_path):
    item = replace(ITEM, num_train_epochs=20, valid=ROWS[:3])
    exact = training.train(base, item, tmp_path / "exact", Watch())
    bf16 = training.train(base, item, tmp_path / "low", Watch(), bf16=True)
    assert exact.valid_loss is not None and exact.valid_loss < 3
    assert bf16.valid_loss == pytest.approx(exact.valid_loss, rel=0.1, abs=0.05)
    assert all(p.dtype == torch.bfloat16 for p in base.bf16_copy.parameters())
    assert all(p.dtype == torch.float32 for p in base.model.parameters())
