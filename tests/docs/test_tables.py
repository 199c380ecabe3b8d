"""Every table of the project's pages is shown as a table, and each of its rows has a cell for each column."""

import pytest

from tests.docs.pages import ROOT, broken_rows, pages


@pytest.mark.parametrize("file", pages(), ids=lambda file: str(file.relative_to(ROOT)))
def test_rows_are_shown_as_rows_with_the_cells_of_their_head(file):
    assert list(broken_rows(file.read_text())) == []


@pytest.mark.parametrize(
    "row",
    [
        pytest.param("\n| `LATER` | after an empty line |", id="an empty line ends a table"),
        pytest.param("| `NAME` |", id="a cell is missing"),
        pytest.param("| `NAME` | `a | b` |", id="a bar in code divides as well"),
    ],
)
def test_a_row_that_would_not_be_shown_is_found(row):
    assert list(broken_rows(f"| name | meaning |\n| --- | --- |\n| `FIRST` | one |\n{row}\n"))


def test_a_bar_may_be_escaped():
    assert not list(broken_rows("| name | meaning |\n| --- | --- |\n| `NAME` | `a \\| b` |\n"))
