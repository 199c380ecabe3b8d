"""An entry is added to a list in YAML, and all other text stays as it is."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from challenges.scaffold.listed import CannotAdd, add_to_list


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: 1\nlist: []  # none\nb: 2\n", "a: 1\nlist: [new]  # none\nb: 2\n"),
        ("list: [one, two]", "list: [one, two, new]"),
        ("list: [one, two,]\n", "list: [one, two,new]\n"),
        ("list: [\n  one,  # the first\n  two\n]\nb: 2\n", "list: [\n  one,  # the first\n  two\n, new]\nb: 2\n"),
        (
            "list:\n  - one  # the first\n  # a remark\nb: 2\n",
            "list:\n  - one  # the first\n  - new\n  # a remark\nb: 2\n",
        ),
        ("list:\n- one\n\n\nb: 2\n", "list:\n- one\n- new\n\n\nb: 2\n"),
        ("b: 2\nlist:\n  - one", "b: 2\nlist:\n  - one\n  - new\n"),
        ("list:\r\n  - one\r\nb: 2\r\n", "list:\r\n  - one\r\n  - new\r\nb: 2\r\n"),
        ("list:\nb: 2\n", "list: [new]\nb: 2\n"),
        ("list:  # to come\nb: 2\n", "list: [new] # to come\nb: 2\n"),
        ("b: 2\n", "b: 2\nlist: [new]\n"),
        ("\ufefflist: [one]\n", "\ufefflist: [one, new]\n"),
        ("b: |\n  text\n", "b: |\n  text\nlist: [new]\n"),
    ],
)
def test_it_is_added_and_comments_stay(before: str, after: str) -> None:
    assert add_to_list(before, "list", "new") == after


@pytest.mark.parametrize("text", ["list: word\n", "list: 3\n", "- one\n", "list: {a: 1}\n", "list: [\n"])
def test_what_it_does_not_understand_it_refuses(text: str) -> None:
    with pytest.raises(CannotAdd):
        add_to_list(text, "list", "new")


TEXTS = st.text(st.sampled_from("ab: #-[],'\"\n|>"), max_size=60)


@given(TEXTS)
def test_it_changes_nothing_else_or_refuses(text: str) -> None:
    try:
        changed = add_to_list(text, "list", "new")
    except CannotAdd:
        return
    assert yaml.safe_load(changed)["list"][-1] == "new"
