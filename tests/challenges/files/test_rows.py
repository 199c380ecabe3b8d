from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from challenges.files.rows import read_gold, read_samples, read_train
from tests.pace import within

GOOD = b'{"id": "a", "input": "x", "target": "y"}'
HOSTILE = {
    "bom": (b"\xef\xbb\xbf" + GOOD, "bom"),
    "bad utf-8": (b'{"id": "\xff\xfe"}', "not_utf8"),
    "nan": (b'{"id": NaN}', "not_json"),
    "infinity": (b'{"id": -Infinity}', "not_json"),
    "duplicate keys": (b'{"id": "a", "id": "b", "input": "x", "target": "y"}', "duplicate_key"),
    "depth 100,000": (b"[" * 100_000, "row_too_long"),
    "depth 8,000": (b'{"id":' + b"[" * 8000, "too_deep"),
    "depth 3,000": (b'{"id":' + b"[" * 3000 + b"]" * 3000 + b"}", "too_deep"),
    "depth 42": (b'{"id":' + b"[" * 41 + b"]" * 41 + b"}", "too_deep"),
    "depth 40": (b'{"id":' + b"[" * 39 + b"]" * 39 + b"}", "bad_row"),
    "5,000-digit integer": (b'{"id": ' + b"9" * 5000 + b"}", "not_json"),
    "lone surrogate": (b'{"id": "a", "input": "\\ud800", "target": "y"}', "control_character"),
    "escaped NUL": (b'{"id": "a", "input": "\\u0000", "target": "y"}', "control_character"),
    "raw NUL": (b'{"id": "a", "input": "\x00", "target": "y"}', "not_json"),
    "long row": (b'{"id": "a", "input": "' + b"x" * 8192 + b'", "target": "y"}', "row_too_long"),
    "truncated": (GOOD[:-5], "not_json"),
    "a list": (b"[1, 2]", "not_object"),
    "missing key": (b'{"id": "a", "input": "x"}', "bad_row"),
    "unknown key": (GOOD[:-1] + b', "lable": "y"}', "bad_row"),
    "a number as text": (b'{"id": 1, "input": "x", "target": "y"}', "bad_row"),
}


@pytest.mark.parametrize(("row", "code"), HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("reader", [read_samples, read_train, read_gold])
def test_hostile_row_is_a_problem_with_its_line(row, code, reader):
    with within(1):
        rows, problems = reader(b"\n" + row + b"\n")
    assert rows == []
    assert [problem.line for problem in problems] == [2]
    if reader is read_samples:
        assert problems[0].code == code


def test_good_rows_are_kept_beside_bad_ones():
    rows, problems = read_samples(GOOD + b"\r\n\n{\n" + GOOD)
    assert [row.id for row in rows] == ["a", "a"]
    assert [(problem.code, problem.line) for problem in problems] == [("not_json", 3)]


def test_too_many_rows_name_the_first_line_too_many():
    rows, problems = read_samples((GOOD + b"\n") * 2001)
    assert len(rows) == 2000
    assert [(problem.code, problem.line) for problem in problems] == [("too_many_rows", 2001)]


@pytest.mark.parametrize(
    "data", [b"{\n" * 200_000, b"x" * (2 * 1024 * 1024), b"\n" * (2 * 1024 * 1024), b"[" * 5_000_000]
)
def test_large_rubbish_is_refused_soon(data):
    with within(8):
        rows, problems = read_samples(data)
    assert rows == []
    assert len(problems) <= 101
    assert problems or not data.strip()


def test_problems_do_not_repeat_the_row():
    _, problems = read_samples(b'{"id": "a", "input": "secret words", "target": 5}')
    assert problems
    assert "secret" not in str(problems)


@pytest.mark.parametrize(
    "row",
    [
        {"input": "ask", "output": "answer"},
        {"id": "t1", "input": "ask", "output": "answer"},
        {"prompt": "ask", "completion": " answer"},
        {"messages": [{"role": "user", "content": "ask"}, {"role": "assistant", "content": "answer"}]},
    ],
)
def test_each_training_shape_reads_as_the_same_row(row):
    rows, problems = read_train(json.dumps(row).encode())
    assert problems == []
    assert [(r.input, r.output) for r in rows] == [("ask", "answer")]


def test_an_object_as_output_becomes_its_json_text():
    rows, problems = read_train(b'{"input": "ask", "output": {"b": "1", "a": "2"}}')
    assert problems == []
    assert rows[0].output == '{"b": "1", "a": "2"}'


@pytest.mark.parametrize(
    ("row", "word"),
    [
        ({"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]}, "instructions"),
        ({"messages": [{"role": "user", "content": "u"}]}, "one message of the user"),
        ({"messages": ["user", 3]}, "one message of the user"),
        ({"messages": None}, "one message of the user"),
        ({"messages": [{"role": "user", "content": 1}, {"role": "assistant", "content": "a"}]}, "texts"),
        ({"input": " ", "output": "a"}, "empty"),
        ({"input": "a", "output": 3}, "texts"),
        ({"text": "a"}, "accepted shapes"),
        ({"input": "a", "output": "b", "messages": []}, "accepted shapes"),
    ],
)
def test_a_training_row_of_no_accepted_shape_is_explained(row, word):
    rows, problems = read_train(json.dumps(row).encode())
    assert rows == []
    assert word in problems[0].what + problems[0].fix


@given(st.binary(max_size=300))
def test_no_bytes_raise(data):
    for reader in (read_samples, read_train, read_gold):
        rows, problems = reader(data)
        lines = [line for line in data.split(b"\n") if line.strip()]
        assert len(rows) + len(problems) == len(lines)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["id", "input", "output", "messages", "role", "content", "prompt", "completion"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_no_json_raises(value):
    rows, problems = read_train(json.dumps(value).encode())
    assert len(rows) + len(problems) == 1
