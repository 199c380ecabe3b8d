"""The score as the worst of several orders of the examples, and as a metric that tokens cost a part of."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from challenges.kinds.prompt import PromptPayload
from challenges.kinds.tune import TunePayload
from challenges.payloads import Example
from challenges.prompts import order_of, orders, stage
from challenges.rows import TrainRow
from challenges.spec import Challenge, Metric, TokenBudget, dump
from graders.base import Assignment, Charged, Count, Counted, Grade, Score, Scored, Train, Trained, WorkItem
from graders.registry import grade
from tests.graders.bundles import LABELS, bundle, challenge, drive, samples

EXAMPLES = tuple(Example(input=f"case {label}", output=label) for label in LABELS)
PAYLOAD = PromptPayload(instructions="Name the doctor.", examples=EXAMPLES)
# Four rows of the first label, two of the second, one of the third.
TARGETS = [LABELS[0]] * 4 + [LABELS[1]] * 2 + [LABELS[2]]
PUBLIC, HIDDEN = samples(TARGETS, "p"), samples(TARGETS, "h")


def last_example_wins(item: WorkItem) -> Any:
    """Each row gets the label of the last example, which is what an engine would do that looks at nothing else."""
    if isinstance(item, Count):
        return Counted(len(item.text.split()))
    if isinstance(item, Train):
        return Trained("files", 1, 0.5, None, 0.01, 10, 10, 1.0)
    assert isinstance(item, Score)
    last = max(LABELS, key=lambda label: item.prompt.rfind(f"Specialty: {label}"))
    row = [math.log(0.8 if label == last else 0.1) for label in LABELS]
    return Scored([row for _ in item.suffixes], [12] * len(item.suffixes), 0.5)


def graded(metric: dict[str, Any], payload: Any = PAYLOAD, hidden: bool = True, **changes: Any):
    spec = challenge(metric={"name": "accuracy", **metric}, **changes)
    return drive(grade(Assignment(bundle(spec, PUBLIC, HIDDEN), payload, hidden)), last_example_wins)


def alone(examples: tuple[Example, ...]) -> Grade:
    return graded({}, PAYLOAD.model_copy(update={"examples": examples}))[0]


# --- orders -----------------------------------------------------------------------------------------------------------


def test_orders_are_rotations_that_lie_equally_far_apart() -> None:
    assert orders("abcdef", 3) == (tuple("abcdef"), tuple("cdefab"), tuple("efabcd"))
    assert orders("abcde", 3) == (tuple("abcde"), tuple("bcdea"), tuple("deabc"))
    assert orders("abc", 1) == (tuple("abc"),)
    # Fewer different examples have fewer orders.
    for examples, count in (("", 1), ("a", 1), ("ab", 2), ("aaa", 1), ("abab", 2), ("abc", 3)):
        assert len(orders(examples, 3)) == count
    for size, count in itertools.product(range(5, 20), range(2, 6)):
        found = orders(range(size), count)
        assert len(found) == count == len({one[-1] for one in found})
        assert all(sorted(one) == list(range(size)) for one in found)


def test_a_stage_tells_its_order() -> None:
    assert [stage(number) for number in (1, 2, 3)] == ["public", "order-2", "order-3"]
    told = {"public": None, "order-2": 2, "order-12": 12, "order-": None, "hidden": None, "order-x": None}
    assert {name: order_of(name) for name in told} == told


def test_score_and_rows_are_those_of_the_order_that_alone_gets_the_lowest() -> None:
    result, _ = graded({"orders": 3})
    each = [alone(one) for one in orders(EXAMPLES, 3)]
    assert [one.score for one in each] == [1 / 7, 4 / 7, 2 / 7]
    assert result.score == min(one.score for one in each if one.score is not None) == 1 / 7
    assert result.public_orders == tuple(one.public_score for one in each)
    assert result.public_score == min(result.public_orders)
    turned = PAYLOAD.model_copy(update={"examples": EXAMPLES[1:] + EXAMPLES[:1]})
    result, _ = graded({"orders": 3}, turned)
    assert result.public_orders == (4 / 7, 2 / 7, 1 / 7)
    assert {row.output for row in result.public} == {row.output for row in result.hidden} == {LABELS[2]}


def test_final_ranks_have_a_lowest_of_their_own() -> None:
    private = samples([LABELS[2]] * 3 + [LABELS[1]], "v", "private")
    spec = challenge(metric={"name": "accuracy", "orders": 3})
    task = Assignment(bundle(spec, PUBLIC, HIDDEN + private), PAYLOAD, True)
    result, _ = drive(grade(task), last_example_wins)
    assert (result.score, result.private_score) == (1 / 7, 0.0)


def test_each_order_is_asked_once_public_samples_first_and_a_run_asks_about_no_hidden_row() -> None:
    _, items = graded({"orders": 3})
    assert [item.stage for item in items] == ["public", "order-2", "order-3", "hidden", "hidden", "hidden"]
    prompts = [item.prompt for item in items if isinstance(item, Score)]
    assert prompts[:3] == prompts[3:] and len(set(prompts)) == 3
    result, items = graded({"orders": 3}, hidden=False)
    assert [item.stage for item in items] == ["public", "order-2", "order-3"]
    assert result.score is None and len(result.public_orders) == 3


@pytest.mark.parametrize("count", [0, 1])
def test_a_prompt_with_one_order_is_graded_as_ever(count: int) -> None:
    payload = PAYLOAD.model_copy(update={"examples": EXAMPLES[:count]})
    (result, items), (plain, _) = graded({"orders": 3}, payload), graded({}, payload)
    assert result == plain and result.public_orders == () and len(items) == 2


# --- a budget of tokens -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tokens", "factor"), [(0, 1.0), (60, 1.0), (61, 239 / 240), (180, 0.5), (299, 1 / 240), (300, 0.0), (9999, 0.0)]
)
def test_the_factor_falls_on_a_straight_line(tokens: int, factor: float) -> None:
    assert TokenBudget(free=60, zero=300).factor(tokens) == pytest.approx(factor)


def test_scores_are_multiplied_and_metrics_are_not() -> None:
    result, (counted, *_) = graded({"tokens": {"free": 5, "zero": 25}}, public_metrics=["accuracy"])
    assert isinstance(counted, Count)
    assert counted.text.startswith("Name the doctor.\n\nSymptoms: case Dermatologist") and "p case" not in counted.text
    words = len(counted.text.split())
    factor = (25 - words) / 20
    assert result.charged == Charged(words, factor) and 0 < factor < 1
    assert result.public_score == pytest.approx(1 / 7 * factor)
    assert result.metrics == {"accuracy": pytest.approx(1 / 7)}
    assert result.public_metrics == {"accuracy": pytest.approx(1 / 7)}


def test_a_hidden_score_is_rounded_down_before_it_is_multiplied() -> None:
    """Else the scores of prompts that differ in length alone would tell the exact value."""
    result, _ = graded({"tokens": {"free": 5, "zero": 25}}, feedback={"step": 0.1})
    assert result.charged is not None
    assert result.score == pytest.approx(0.1 * result.charged.factor)


def test_a_template_of_the_learners_own_is_paid_for_and_the_given_one_is_not() -> None:
    """Else a whole prompt could stand in the template, around every row, and cost nothing."""

    def charged(template: str, **changes: Any) -> Charged | None:
        return graded({"tokens": {"free": 5, "zero": 25}}, PromptPayload(example=template), **changes)[0].charged

    result, items = graded({"tokens": {"free": 5, "zero": 25}}, PromptPayload())
    assert result.charged == Charged(0, 1.0) and not any(isinstance(item, Count) for item in items)
    spec = challenge()
    assert charged(spec.prompt.example) == Charged(0, 1.0)
    assert charged("{input}: {output}") == Charged(1, 1.0)
    hidden_prompt = "rash: skin ache: head cough: lung itch: skin dizzy: head wheeze: lung {input}: {output}"
    assert charged(hidden_prompt) == Charged(13, 12 / 20)


def test_both_together_multiply_the_lowest_order() -> None:
    result, items = graded({"orders": 3, "tokens": {"free": 5, "zero": 25}})
    assert sum(isinstance(item, Count) for item in items) == 1
    assert result.charged is not None and result.public_orders == (1 / 7, 4 / 7, 2 / 7)
    assert result.public_score == pytest.approx(1 / 7 * result.charged.factor)


def test_a_trained_model_pays_for_its_instructions_alone() -> None:
    rows = tuple(TrainRow(input=one.input, output=one.output) for one in EXAMPLES)
    payload = TunePayload(instructions="Name the doctor now please.", rows=rows)
    keys = {"also": ["tune"], "tune": {"rows_max": 10, "row_tokens_max": 64, "tokens_max": 5000}}
    result, items = graded({"orders": 3, "tokens": {"free": 3, "zero": 5}}, payload, **keys)
    assert result.charged == Charged(5, 0.0) and result.score == 0.0
    assert [item.stage for item in items if isinstance(item, Score)] == ["public", "hidden"]


# --- the format -------------------------------------------------------------------------------------------------------


def test_a_metric_alone_dumps_as_it_always_did() -> None:
    assert dump(Metric(name="accuracy")) == {"name": "accuracy"}
    whole = {"name": "accuracy", "orders": 3, "tokens": {"free": 60, "zero": 300}}
    assert dump(Metric.model_validate(whole)) == whole


@pytest.mark.parametrize(
    "wrong", [{"orders": 0}, {"orders": 6}, {"tokens": {"free": 60, "zero": 60}}, {"tokens": {"free": -1, "zero": 5}}]
)
def test_what_cannot_be_a_score_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        challenge(metric={"name": "accuracy", **wrong})


def test_findings_measure_the_metric_alone() -> None:
    spec: Challenge = challenge(metric={"name": "accuracy", "orders": 3, "tokens": {"free": 5, "zero": 25}})
    plain = bundle(spec, PUBLIC, HIDDEN).with_plain_metric().challenge
    assert dump(plain) == {**dump(spec), "metric": {"name": "accuracy"}}
