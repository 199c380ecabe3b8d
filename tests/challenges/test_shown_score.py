import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenges.shown_score import counted, floor_to_step, ladder, mark_of, shown_score, written
from challenges.spec import Feedback


@pytest.mark.parametrize(
    ("score", "step", "floored"),
    [(0.60, 0.02, 0.60), (0.58, 0.02, 0.58), (0.599, 0.02, 0.58), (0.29, 0.01, 0.29), (1.0, 0.03, 0.99), (0, 0.02, 0)],
)
def test_floors_to_the_step_without_float_error(score: float, step: float, floored: float) -> None:
    assert floor_to_step(score, step) == floored


@given(st.integers(1, 100), st.sampled_from([0.01, 0.02, 0.025, 0.05, 0.1, 0.25]))
def test_a_multiple_of_the_step_stays(n: int, step: float) -> None:
    assert floor_to_step(n * step, step) == pytest.approx(n * step, abs=1e-9)


def test_refuses_what_is_no_number() -> None:
    with pytest.raises(ValueError, match="step"):
        floor_to_step(0.5, 0)
    with pytest.raises(ValueError, match="number"):
        floor_to_step(float("nan"), 0.02)


def test_the_ladder_moves_only_on_an_improvement_of_a_step() -> None:
    assert ladder(0.0, 0.61, 0.05) == 0.60
    assert ladder(0.60, 0.649, 0.05) == 0.60
    assert ladder(0.60, 0.65, 0.05) == 0.65
    assert ladder(0.60, 0.10, 0.05) == 0.60


def test_the_mode_decides_whether_a_worse_attempt_is_shown() -> None:
    assert shown_score(Feedback(mode="rounded", step=0.05), 0.42, previous_shown=0.60) == 0.40
    assert shown_score(Feedback(mode="ladder", step=0.05), 0.42, previous_shown=0.60) == 0.60


@pytest.mark.parametrize(
    ("score", "step", "text"),
    [
        (0.8, None, "0.80"),
        (0.525, None, "0.525"),
        (0.752, None, "0.752"),
        (0.752, 0.02, "0.75"),
        (0.752, 0.025, "0.752"),
        (0.75, 0.025, "0.75"),
        (0.7499, 0.05, "0.75"),
        (0.7499, 0.07, "0.75"),
    ],
)
def test_a_score_has_no_more_decimals_than_the_step(score: float, step: float | None, text: str) -> None:
    assert written(score, step) == text


@pytest.mark.parametrize(
    ("score", "correct", "mark"),
    [(1.0, None, "right"), (0.4, None, "partly_right"), (0.0, None, "wrong"), (1.0, True, "right")],
)
def test_a_row_that_earns_some_of_its_score_is_partly_right(score, correct, mark):
    assert mark_of(score, correct) == mark


def test_partly_right_is_counted_where_there_is_such_a_row():
    assert counted(["right", "wrong", "partly_right", "wrong"]) == "1 right, 1 partly right, 2 wrong"
    assert counted(["right", "right"]) == "2 right, 0 wrong"
