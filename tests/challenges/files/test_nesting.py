"""Depth is told by counting, so that every Python says the same."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenges.files.nesting import DEPTH_MAX, too_deep

KEYS = st.text(alphabet='[{"\\', max_size=3)
VALUES = st.recursive(
    st.none() | st.integers() | st.text(alphabet='[]{}"\\a', max_size=60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=20,
)


def wrapped(value, times):
    for _ in range(times):
        value = [value]
    return value


def depth(value):
    """By walking what was read."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@given(VALUES, st.integers(0, DEPTH_MAX + 5))
def test_depth_is_that_of_what_is_read(value, times):
    """Brackets within texts, quoted or escaped, do not count."""
    made = wrapped(value, times)
    for text in (json.dumps(made), json.dumps(made, ensure_ascii=False, indent=1)):
        assert too_deep(text) == (depth(made) > DEPTH_MAX)


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * DEPTH_MAX, False),
        ("[" * (DEPTH_MAX + 1), True),
        ('{"a":' * (DEPTH_MAX + 1), True),
        ('{"a":' * DEPTH_MAX + "[]", True),
        ("[]" * 1000, False),
        ('"' + "[" * 1000, False),
        ('"' + "\\" * 999 + '"' + "[" * 1000, False),
        ('"' + "\\" * 1000 + '"' + "[" * 1000, True),
        ("]" * 1000 + "[" * 1000, False),
        ("", False),
    ],
)
def test_what_is_not_json_has_a_depth_too(text, deep):
    assert too_deep(text) is deep
