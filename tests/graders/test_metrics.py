import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from challenges.metrics import BUILT_IN
from challenges.registry import load
from challenges.rows import Required
from challenges.spec import Json
from graders.differences import paired_test
from graders.metrics import Prediction, measure

TICKET = Json.model_validate(
    {"type": "json", "schema": {"category": ["billing", "bug"], "summary": "string"}, "weights": {"category": 3}}
)


def test_each_built_in_metric_has_a_function_and_a_title() -> None:
    assert all(callable(load(metric.function)) for metric in BUILT_IN.values())
    assert len({metric.title for metric in BUILT_IN.values()}) == len(BUILT_IN)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["a", "b", "d", None])), min_size=1, max_size=40))
def test_label_metrics_are_those_of_scikit_learn(rows: list[tuple[str, str | None]]) -> None:
    truth, read = [target for target, _ in rows], [str(prediction) for _, prediction in rows]
    predictions: list[Prediction] = [prediction for _, prediction in rows]
    f1 = f1_score(truth, read, labels=sorted(set(truth)), average="macro", zero_division=0)
    assert measure("macro_f1", predictions, truth, None).value == pytest.approx(f1, abs=1e-12)
    accuracy = measure("accuracy", predictions, truth, None)
    assert accuracy.value == pytest.approx(accuracy_score(truth, read), abs=1e-12)
    assert accuracy.rows == tuple(target == prediction for target, prediction in rows)


def test_exact_match_ignores_only_white_space_and_unicode_form() -> None:
    assert measure("exact_match", [" two  words\n", "Two words", None], ["two words"] * 3, None).rows == (1, 0, 0)


def test_json_fields_weighs_equality_and_token_f1() -> None:
    target = {"category": "bug", "summary": "the app crashes"}
    predictions: list[Prediction] = [
        {"category": "bug", "summary": "App crashes!", "extra": 1},
        {"category": "crash", "summary": "app crashes"},
        {"category": "bug", "summary": 3},
        {"category": "bug", "summary": "app hangs"},
        None,
    ]
    measured = measure("json_fields", predictions, [target] * 5, TICKET)
    assert measured.rows == pytest.approx((1, 0.25, 0.75, 0.875, 0))
    assert measured.value == pytest.approx(sum(measured.rows) / 5)
    assert measured.fields[1:4] == (
        {"category": 0.0, "summary": 1.0},
        {"category": 1.0, "summary": 0.0},
        {"category": 1.0, "summary": 0.5},
    )
    # A value that is not allowed never counts, even if the target has it.
    unknown = {"category": "x", "summary": "s"}
    assert measure("json_fields", [unknown], [unknown], TICKET).rows == (0.25,)


def test_a_metric_needs_rows() -> None:
    with pytest.raises(ValueError, match="at least one"):
        measure("accuracy", [], [], None)


def test_mcnemar_is_exact_for_right_and_wrong() -> None:
    a, b = [1] * 8 + [0] * 2 + [1] * 10, [0] * 8 + [1] * 2 + [1] * 10
    assert paired_test(a, b) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert paired_test(a, a) == 1


def test_sign_flips_for_shares_are_repeatable_and_find_a_real_difference() -> None:
    a = [0.5 + 0.01 * n for n in range(20)]
    better = [value + 0.2 for value in a]
    assert paired_test(better, a) < 0.001
    assert paired_test(better, a) == paired_test(a, better)
    assert paired_test(a, list(a)) == 1


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("The shop opens at nine.", 1.0),
        ("  Shop, at: NINE!", 1.0),
        ("The shop opens.", 0.0),
        ("It opens at nineteen, the shop.", 0.0),
        ("You are asking when the shop opens, and it opens at nine.", 0.0),
        ("", 0.0),
        (None, 0.0),
    ],
)
def test_required_content_asks_for_all_of_it_in_few_words(text: str | None, score: float) -> None:
    target = Required(must=("shop", "nine"), words_max=6)
    assert measure("required_content", [text], [target], None).value == score


FOUND = (("a",), ("b", "a"), ("b", "c"), (), ("a",))
RIGHT = (("a",), ("a", "z"), ("a",), (), ())


def test_hit_rate_and_reciprocal_rank() -> None:
    assert measure("hit_rate", FOUND, RIGHT, None).rows == (1, 1, 0, 1, 0)
    assert measure("mrr", FOUND, RIGHT, None).rows == (1, 0.5, 0, 1, 0)
    assert measure("mrr", FOUND, RIGHT, None).value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("name", "said", "target", "score"),
    [
        ("token_f1", "the 15 books", ("15", "15 books"), 1.0),
        ("token_f1", "about 15", ("15", "fifteen"), 2 / 3),
        ("token_f1", "about 15", "15", 2 / 3),
        ("token_f1", "", ("15",), 0.0),
        ("token_f1", "red", "blue", 0.0),
        ("token_f1", "the", "a", 1.0),
        ("token_f1", None, ("15",), 0.0),
        ("exact_match", "15  books", ("15", "15 books"), 1.0),
        ("exact_match", "16", ("15", "15 books"), 0.0),
        ("accuracy", "15", ("15", "15 books"), 1.0),
    ],
)
def test_the_nearest_accepted_answer_counts(name: str, said: str | None, target: object, score: float) -> None:
    assert measure(name, [said], [target], None).rows == (pytest.approx(score),)  # type: ignore[list-item]
