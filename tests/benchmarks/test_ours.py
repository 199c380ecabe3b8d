"""Our engine as the benchmark drives it: what it may round, and where its choices are kept."""

import json

import pytest

from benchmarks.work.items import score_item
from benchmarks.work.ours import Setup
from benchmarks.work.shapes import Shape
from workers.engine.choice import DEFAULT, PLAIN, Choice


@pytest.fixture
def items(base):
    return score_item(base, Shape(60, 20, 3, 2)), score_item(base, Shape(40, 20, 2, 2), warm=True)


@pytest.mark.parametrize(
    ("dtype", "rounded"), [pytest.param("float32", False, marks=pytest.mark.slow), ("bfloat16", True)]
)
def test_bf16_is_tried_where_a_row_may_round_and_nowhere_else(models_dir, items, own_data, dtype, rounded):
    ours = Setup(models_dir, dtype, 1)
    assert ours.choice("tiny") == DEFAULT
    ours.answer(*items)
    (kept,) = json.loads((own_data / f"choices-{dtype}.json").read_text()).values()
    assert ours.choice("tiny") == Choice.from_json(kept)
    assert ("bfloat16" in kept["timings"]) == rounded
    assert rounded or kept["dtype"] == "float32"
    assert [file.name for file in own_data.glob("*.json")] == [f"choices-{dtype}.json"]


@pytest.mark.slow
def test_with_plain_operations_alone_nothing_is_measured(models_dir, items, own_data, monkeypatch):
    monkeypatch.setenv("GRADUS_ENGINE", "plain")
    ours = Setup(models_dir, "bfloat16", 1)
    ours.answer(*items)
    assert ours.choice("tiny") == PLAIN
    assert list(own_data.glob("choices*")) == []
