import pytest

from challenges.shown_score import counted, mark_of


@pytest.mark.parametrize(
    ("score", "correct", "mark"),
    [(1.0, None, "right"), (0.4, None, "partly_right"), (0.0, None, "wrong"), (1.0, True, "right")],
)
def test_a_row_that_earns_some_of_its_score_is_partly_right(score, correct, mark):
    assert mark_of(score, correct) == mark


def test_partly_right_is_counted_where_there_is_such_a_row():
    assert counted(["right", "wrong", "partly_right", "wrong"]) == "1 right, 1 partly right, 2 wrong"
    assert counted(["right", "right"]) == "2 right, 0 wrong"
