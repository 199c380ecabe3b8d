import pytest
from hypothesis import given
from hypothesis import strategies as st

from graders.parsing import UNFINISHED, first_json_object, first_object_end, label_at_start, only_json_object

PIECES = st.sampled_from(
    [
        *"{}[]\"',: a\n\\-1",
        '"a": 1',
        '{"a": ',
        '"a"',
        "{a}",
        "null",
        "-Infinity",
        "tru",
        "1.",
        "1e5",
        r"\u00e9",
        "\ud83d",
    ]
)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        (" Skin\nmore", "Skin"),
        ("**skin cancer**.", "Skin cancer"),
        ('"SKIN", I think', "Skin"),
        ("Skinny", None),
        ("It is Skin", None),
        ("", None),
    ],
)
def test_reads_the_longest_label_at_the_start(text: str, label: str | None) -> None:
    assert label_at_start(text, ["Skin", "Skin cancer"]) == label


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Sure: {"a": "1"} {"a": "2"}', {"a": "1"}),
        ('{oops {"a": "{"}', {"a": "{"}),
        ('{"a": ', None),
        ("[1]", None),
        ("{" * 5000, None),
    ],
)
def test_reads_the_first_complete_object(text: str, found: dict[str, str] | None) -> None:
    assert first_json_object(text) == found


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a": 1} and more', '{"a": 1}'),
        ('Here: {"a": {"b": "}"}} {', 'Here: {"a": {"b": "}"}}'),
        (r'{"a": "\"}"}x', r'{"a": "\"}"}'),
        ('} {"a": 1}', '} {"a": 1}'),
        ('{priority}: {"priority": "high"} and', '{priority}: {"priority": "high"}'),
        ('{\'a\': 1} {"a": "1"}', '{\'a\': 1} {"a": "1"}'),
        ('{"a": "b"c"} {"a": "b"}', '{"a": "b"c"} {"a": "b"}'),
        # The outer object is incomplete although the inner one is complete.
        ('{"a": {"b": 1}', None),
        ('{"a": {"b": 1}, "c": -Infinit', None),
        ('{"a": {"b": 1}, "c": 1.', None),
        (r'{"a": {"b": 1}, "c": "\u00e', None),
        ('{"a": "{"', None),
        ("{'a': 1}", None),
        ("{" * 5000, None),
        ("no object", None),
    ],
)
def test_a_text_that_grows_ends_after_the_first_object(text: str, kept: str | None) -> None:
    end = first_object_end(text)
    assert (text[:end] if end is not None else None) == kept


@given(st.lists(PIECES, max_size=24).map("".join))
def test_what_ends_an_object_is_not_changed_by_what_follows(text: str) -> None:
    for length in range(len(text) + 1):
        end = first_object_end(text[:length])
        if end is not None:
            assert first_json_object(text[:end]) == first_json_object(text) is not None
    # Every end that is certain after a few more words has been found.
    end = first_object_end(text + '"\n' + "." * UNFINISHED)
    assert (None if end is None else first_json_object(text[:end])) == first_json_object(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('Sure: {"a": 1} That is all.', {"a": 1}),
        ('{"a": 1} {"a": 2}', None),
        ('{"a": 1, "a": 2}', None),
        ('{"a": {"b": 1, "b": 2}}', None),
        ("none", None),
    ],
)
def test_what_says_two_things_says_nothing(text: str, found: dict[str, object] | None) -> None:
    assert only_json_object(text) == found
