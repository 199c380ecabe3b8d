"""YAML 1.2, as authors and learners write it, read in one place."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from challenges.files.yaml_lines import YamlErrors, read

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("off", "off"),
        ("y", "y"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
        ("nullify", "nullify"),
        ("1e-3", 0.001),
        ("2.0E+2", 200.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        (".inf", math.inf),
        ("1e", "1e"),
        (".", "."),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("0b11", "0b11"),
        ("+12", 12),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-11-29", "2026-11-29"),
        ("=", "="),
        ("'1'", "1"),
        ("!!str 1", "1"),
    ],
)
def test_plain_values_have_the_types_of_yaml_1_2(written: str, value: Any) -> None:
    found = read(f"key: {written}\n").data["key"]
    assert (type(found), found) == (type(value), value)


def test_words_of_yaml_1_1_are_texts_as_keys_and_in_lists() -> None:
    assert read("on: [no, off]\n'<<': 1\nno: {yes: y}\n").data == {"on": ["no", "off"], "<<": 1, "no": {"yes": "y"}}


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "the key `a` stands twice"),
        ("a: &x [1]\nb: *x\n", 1, "anchors and aliases are not taken"),
        ("a: 1\nb: !!timestamp 2026-01-01\n", 2, "the tag `!!timestamp` is not taken"),
        ("a: !!python/object:os.system x\n", 1, "is not taken"),
        ("a: [" * 50 + "]" * 50, 1, "nested deeper than"),
        ("- 1\n", 1, "is not a mapping"),
    ],
)
def test_what_is_not_taken_is_named_with_its_line(text: str, line: int, what: str) -> None:
    with pytest.raises(YamlErrors) as errors:
        read(text)
    (problem,) = errors.value.problems
    assert problem.line == line and what in problem.what and problem.fix


def test_nothing_else_loads_yaml() -> None:
    loads = re.compile(r"\byaml\.(safe_load|load|full_load|unsafe_load|compose|parse|scan)|\bruamel\b")
    folders = ("challenges", "graders", "platform", "workers")
    found = {
        str(file.relative_to(ROOT))
        for folder in folders
        for file in (ROOT / folder).rglob("*.py")
        if loads.search(file.read_text(encoding="utf-8"))
    }
    assert found == {"challenges/files/yaml_lines.py"}
