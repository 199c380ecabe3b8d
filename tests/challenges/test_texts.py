"""Which answers count as the same text."""

from __future__ import annotations

import pytest

from challenges import texts


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Old facts stay.", "  old\n\tFACTS\u00a0stay. "),
        ("\uff27rad\uff55s", "gradus"),
        ("caf\u00e9", "cafe\u0301"),
        ("stra\u00dfe", "STRASSE"),
    ],
)
def test_case_white_space_and_forms_of_characters_make_no_other_text(one, other):
    assert texts.digest(one) == texts.digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<", ">"),
        ("-1", "1"),
        ("1/2", "1 2"),
        ("It stays.", "It stays"),
        ("It is not. Here", "It is, not here"),
        ("10\u00b2", "102"),
        ("x\u2082", "x2"),
        ("1\u00bd", "11\u20442"),
        ("now here", "nowhere"),
        ("", "\u200b"),
    ],
)
def test_signs_punctuation_and_what_is_raised_make_another_text(one, other):
    assert texts.digest(one) != texts.digest(other)
