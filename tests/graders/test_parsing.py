import pytest

from graders.parsing import first_json_object, label_at_start, only_json_object


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
