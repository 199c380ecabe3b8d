"""Operations counted and computed, against a configuration small enough for pencil and paper."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from benchmarks import profile
from benchmarks.figures import costs
from benchmarks.figures.costs import Costs
from benchmarks.figures.counting import ATTENTION, HEAD, PRODUCTS, REST, Counting
from benchmarks.peers.job import Row
from benchmarks.work.items import score_item, train_item
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import Shape, TrainShape
from graders.base import Score
from workers.engine.choice import DEFAULT, PLAIN, Choice
from workers.engine.tuning import objectives, training
from workers.engine.watch import Watch

pytestmark = pytest.mark.usefixtures("own_data")
# Queries and output 8 x 8, keys and values 8 x 4, three FFN matrices of 8 x 16: 576 weights a layer.
CONFIG = SimpleNamespace(
    hidden_size=8, intermediate_size=16, num_attention_heads=2, num_key_value_heads=1, head_dim=4,
    num_hidden_layers=3, vocab_size=100,
)  # fmt: skip
COST = Costs(token=2 * 3 * 576, pair=4 * 3 * 8, head=2 * 8 * 100, rank=2 * 3 * 128)

CHOICES = [
    DEFAULT,
    PLAIN,
    Choice("flash", "onednn", "float32", 1024),
    Choice("flash", "linear", "bfloat16", 1024),
    Choice("products", "linear", "bfloat16", 512),
]
SEEN = {
    "flash": "aten._scaled_dot_product_flash_attention_for_cpu",
    "products": "aten.bmm",
    "linear": "aten.mm",
    "onednn": "mkldnn._linear_pointwise",
}
"""The operator in which the work of each way is done."""


def test_costs_come_from_the_configuration():
    assert costs.costs(CONFIG) == COST


def test_the_built_in_model_costs_what_the_design_says():
    config = SimpleNamespace(
        hidden_size=576, intermediate_size=1536, num_attention_heads=9, num_key_value_heads=3, head_dim=64,
        num_hidden_layers=30, vocab_size=49152,
    )  # fmt: skip
    found = costs.costs(config)
    assert found.token == pytest.approx(212.4e6, rel=1e-3)
    assert found.pair == 69_120
    assert found.head == pytest.approx(56.6e6, rel=1e-3)


def test_labels_of_one_token_need_the_prompt_once_and_one_position_a_row():
    row = Row([1] * 10 + [2, 3, 4, 5], [[7], [8]])
    other = Row([1] * 10 + [3, 3, 4, 5], [[7], [8]])
    prompt, each = 10 * 3456 + 96 * 50, 4 * 3456 + 96 * (4 * 10 + 8) + 1600
    assert costs.labels(COST, [row, other]) == prompt + 2 * each


def test_a_text_s_last_token_is_not_read_again():
    rows = [Row([1] * 10 + [n, 3, 4, 5]) for n in (2, 3)]
    step = 3456 + 96 * 14 + 1600
    assert costs.texts(COST, rows, [3, 0]) == costs.labels(COST, rows) + 2 * step


def test_training_reads_the_shared_prompt_once_a_step():
    tokens, pairs, completion = 4 + 6 + 2, (4 * 2 + 8) + (6 * 2 + 18) + 2, 2 + 3
    step = tokens * (2 * 3456 + 3 * 768 * 4) + 3 * 96 * pairs + 2 * 1600 * completion
    assert costs.training(COST, [(6, 2), (8, 3)], prompt=2, batch=2, epochs=3, rank=4) == 3 * step


def test_operators_of_a_forward_pass_are_counted(plain):
    config, tokens = plain.config, 24
    with Counting(config.vocab_size) as counting, torch.inference_mode():
        plain(input_ids=torch.arange(tokens)[None])
    cost = costs.costs(config)
    assert counting.of(PRODUCTS).flops == tokens * cost.token
    assert counting.of(HEAD).flops == tokens * cost.head
    assert counting.of(ATTENTION).flops in (cost.pair * tokens**2, cost.pair * tokens**2 // 2)
    assert counting.of(REST).flops == 0
    assert counting.dtypes() == {"float32"}


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: f"{choice.attention}, {choice.product}, {choice.dtype}")
def test_every_way_of_the_engine_is_counted(base, models_dir, choice):
    """No less than the least work and not twice as much, in the operators of the ways that were chosen."""
    item = score_item(base, Shape(80, 30, 6, 3))
    session = Setup(models_dir, "float32", 1).session()
    session.run(Score("tiny", "One. ", ("Two,", "Three, four,"), (" five", " six")), Watch(), choice)
    with Counting(base.model.config.vocab_size) as counting:
        session.run(item, Watch(), choice)
    counted = sum(counting.of(kind).flops for kind in (PRODUCTS, ATTENTION, HEAD))
    assert profile.least(base, item, None) < counted < 2 * profile.least(base, item, None)
    # The prompt is read by the library's own attention.
    for kind, way, share in ((ATTENTION, choice.attention, 0.8), (PRODUCTS, choice.product, 0.9)):
        assert counting.tallies[kind, SEEN[way]].flops > share * counting.of(kind).flops > 0
    assert counting.of(HEAD).flops > 0
    assert choice.dtype in counting.dtypes()


def test_where_bf16_is_allowed_the_limit_is_at_the_speed_of_the_faster_dtype(monkeypatch):
    monkeypatch.setattr(profile, "_product_speed", lambda dtype, device: {"float32": 300.0, "bfloat16": 170.0}[dtype])
    assert (profile.attainable("float32"), profile.attainable("bfloat16")) == (300.0, 300.0)
    monkeypatch.setattr(profile, "_product_speed", lambda dtype, device: {"float32": 300.0, "bfloat16": 900.0}[dtype])
    assert (profile.attainable("float32"), profile.attainable("bfloat16")) == (300.0, 900.0)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("bf16", [False, True])
def test_products_of_training_are_counted(base, tmp_path, bf16):
    """No less than one product forward and one backward through each frozen layer, and the head at completions."""
    item = replace(train_item(base, TrainShape(8, 400, 1), seed=1), valid=())
    rows = objectives.examples(base, item.rows, item.row_tokens_max)
    with Counting(base.model.config.vocab_size) as counting:
        training.train(base, item, tmp_path, Watch(), bf16=bf16)
    cost = costs.costs(base.model.config)
    completion = sum(len(row.tokens) - row.start for row in rows)
    assert counting.of(HEAD).flops >= 2 * cost.head * completion
    counted = sum(counting.of(kind).flops for kind in (PRODUCTS, ATTENTION, HEAD))
    assert profile.least(base, item, None) < counted < 3 * profile.least(base, item, None)
    assert ("bfloat16" in counting.dtypes()) == bf16
