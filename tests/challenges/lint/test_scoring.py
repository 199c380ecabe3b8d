"""What lint says about a score that is the worst of several orders, or that tokens cost a part of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from challenges.lint import spec
from challenges.lint.run import inspect, lint
from tests.challenges import factory
from tests.challenges.kinds.rag_bundle import write_rag_challenge

THREE = [{"input": f"a {word} far away", "output": label} for word, label in (("gull", "sky"), ("eel", "sea"))]
THREE += [{"input": "a crab on a rock", "output": "sea"}]


@pytest.fixture(autouse=True)
def a_token_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "counter", lambda model: lambda text: len(text.split()))


def told(root: Path) -> list[str]:
    return [str(problem) for problem in lint(root)]


def steady(root: Path, metric: dict[str, Any], examples: list[dict[str, str]] = THREE, **changes: Any) -> Path:
    root /= "sea-or-sky"
    factory.write_prompt_challenge(root, metric={"name": "macro_f1", **metric}, **changes)
    good = {"kind": "prompt", "instructions": "Sea or sky?", "examples": examples}
    factory.write_yaml(root / "baselines/good.yaml", good)
    return root


def test_both_together_are_clean(tmp_path: Path) -> None:
    assert told(steady(tmp_path, {"orders": 3, "tokens": {"free": 40, "zero": 300}})) == []


def test_too_few_examples_are_allowed_for_the_orders(tmp_path: Path) -> None:
    limits = {"examples_max": 2}
    (found,) = told(steady(tmp_path, {"orders": 3}, THREE[:2], limits=limits))[:1]
    assert "2 examples have fewer than 3 orders" in found and "raise limits.examples_max to 3" in found


def test_no_baseline_has_examples_for_all_orders(tmp_path: Path) -> None:
    (found,) = told(steady(tmp_path, {"orders": 3}, THREE[:2]))
    assert "no baseline has 3 examples, so none is tried in 3 orders: add one with that many" in found
    assert found.startswith("challenge.yaml:")


def test_orders_need_examples_and_a_metric_that_depends_on_them(tmp_path: Path) -> None:
    trained = factory.write_lora_challenge(tmp_path / "trained", also=[], metric={"name": "json_fields", "orders": 3})
    assert any("no track of the challenge takes examples" in found for found in told(trained))
    rag = write_rag_challenge(tmp_path / "rag", metric={"name": "mrr", "orders": 3}, public_metrics=None)
    assert any("mrr does not depend on the order of examples" in found for found in told(rag))


def test_a_budget_that_a_passing_baseline_breaks_cannot_be_kept_to(tmp_path: Path) -> None:
    (found,) = told(steady(tmp_path, {"tokens": {"free": 10, "zero": 35}}))
    # Three words of instructions and three examples of "Thing: a gull far away Place: sky": 3 + 3 * 7 + 1.
    assert "25 tokens give the factor 0.40, so that the score cannot reach 0.63" in found
    assert "shorten the baseline" in found


def test_a_budget_beyond_the_longest_prompt_costs_nobody_anything(tmp_path: Path) -> None:
    (found,) = told(steady(tmp_path, {"tokens": {"free": 2048, "zero": 4000}}))
    assert "prompts have at most 2048 tokens, so the budget costs nobody anything" in found


@pytest.mark.parametrize(
    ("metric", "said"),
    [
        ({"orders": 9}, "`metric.orders` is 9: write a number of at most 5"),
        ({"orders": 0}, "`metric.orders` is 0: write a number of at least 1"),
        ({"tokens": {"free": 60, "zero": 60}}, "zero must be above free"),
        ({"tokens": {"free": 60}}, "zero"),
        ({"order": 3}, "order"),
    ],
)
def test_what_cannot_be_a_score_is_named_with_its_place(tmp_path: Path, metric: dict[str, Any], said: str) -> None:
    found = told(steady(tmp_path, metric))
    assert any("metric" in one and said in one for one in found), found


@pytest.mark.parametrize(
    "sentence", ["The score is **token F1**: how", "You are scored by the hit rate", "The score\nis mrr."]
)
def test_a_statement_that_names_another_metric_is_found_at_its_line(tmp_path: Path, sentence: str) -> None:
    root = steady(tmp_path, {})
    (root / "statement.md").write_text(f"Sea or sky?\n\n{sentence}\n")
    (found,) = told(root)
    line = 4 if "\n" in sentence else 3
    assert found.startswith(f"statement.md:{line}: the statement says that the score is ")
    assert "and the metric is `macro_f1`: write Macro F1, or set `metric: {name: " in found


@pytest.mark.parametrize(
    "sentence", ["The score is macro F1.", "The accuracy is not your score.", "The score is fair."]
)
def test_a_statement_may_name_the_metric_that_scores_and_others_beside_it(tmp_path: Path, sentence: str) -> None:
    root = steady(tmp_path, {})
    (root / "statement.md").write_text(f"{sentence}\n")
    assert told(root) == []


def test_a_metric_that_is_not_written_is_advised(tmp_path: Path) -> None:
    file = factory.write_prompt_challenge(tmp_path / "sea-or-sky") / "challenge.yaml"
    spec = yaml.safe_load(file.read_text())
    factory.write_yaml(file, {name: value for name, value in spec.items() if name != "metric"})
    advice = [str(one) for one in inspect(file.parent).advice]
    assert any("the metric is not written, so the score is accuracy: write the one that" in one for one in advice)
    assert not any("the metric is not written" in str(one) for one in inspect(steady(tmp_path / "other", {})).advice)
