"""Each row of the page of attacks is a case of a test, and the page has these rows and no others."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.docs.sign_in_attacks import HEAD, PAGE, ROWS, Row, table

# What a test that has a table of its own calls it.
TABLES = {
    "test_a_wrong_message_lets_nobody_in": "MESSAGES",
    "test_a_token_that_claims_something_else": "CLAIMS",
    "test_a_token_that_somebody_else_signed": "SIGNATURES",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sent)
def test_each_row_is_a_case_of_a_test(row: Row) -> None:
    name, _, test = row.case.partition("::")
    test, _, case = test.partition("[")
    module = import_module(name)
    assert callable(getattr(module, test))
    if case:
        found = getattr(module, TABLES[test])[case.removesuffix("]")]
        # The outcome of a launch that is refused is the one that the test asks for.
        assert name != "tests.lti.test_attacks" or f"({found[1]})" in row.outcome
    else:
        assert test not in TABLES


def test_the_page_has_these_rows() -> None:
    _before, head, rows = PAGE.read_text().partition(HEAD)
    assert head + rows == table(), "write it anew: python -m tests.docs.sign_in_attacks"
    assert len(ROWS) >= 60 and len({row.case for row in ROWS}) == len(ROWS)
