"""No content of findings.yaml or findings.json makes a traceback: it becomes a problem."""

from __future__ import annotations

import copy

import pytest

from challenges.reading import BundleErrors, read_lesson
from tests.challenges import factory
from tests.challenges.factory import lint_but_hints as lint


def nested(depth):
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "schema: 2\nfindings: []",
        "findings: []",
        "findings: {a: 1}",
        f"schema: 1\nfindings: {nested(2000)}",
        "schema: 1\nfindings: " + "[" * 50,
        "a: &x [1]\nb: *x",
        "schema: 1\nfindings:\n- " + "x" * 100_000,
        "schema: 1\nfindings: [1, null, 2.5, !!binary aGk=, 2001-01-01]",
        "schema: 1\nfindings: [{id: [a], title: {}, experiments: 3, claims: [[]]}]",
        "schema: 1\nfindings: [{id: ../x, title: t, statement: s, limits: l, experiments: [], claims: []}]",
        "\x00",
        "schema: 1\nfindings: [{id: 9999999999999999999999999, rows: .nan}]",
    ],
)
@pytest.mark.parametrize("name", ["findings.yaml", "findings.json"])
def test_a_hostile_file_is_a_problem_and_no_traceback(tmp_path, text, name):
    root = factory.write_findings(factory.write_lesson(tmp_path))
    (root / name).write_text(text)
    assert [problem for problem in lint(root) if problem.file == name]
    with pytest.raises(BundleErrors):
        read_lesson(root)


HOSTILE = [None, 0, -1, 1e308, float("nan"), "", "../../etc/passwd", "a\nb", [], {}, [[]], "x" * 70_000, True, [None]]
KEYS = {
    "finding": ("id", "title", "statement", "limits", "rows", "experiments", "claims", "more"),
    "arm": ("id", "title", "files", "example_sets", "seeds", "order", "tuned_on", "count"),
    "claim": ("arms", "varies", "found", "measure", "at_least", "best"),
}


@pytest.mark.parametrize(("place", "key"), [(place, key) for place, keys in KEYS.items() for key in keys])
def test_no_value_of_a_finding_an_arm_or_a_claim_makes_a_traceback(tmp_path, place, key):
    root = factory.write_findings(factory.write_lesson(tmp_path))
    for value in HOSTILE:
        finding = copy.deepcopy(factory.finding())
        part = {"finding": finding, "arm": finding["experiments"][0]["arms"][0], "claim": finding["claims"][0]}[place]
        part[key] = value
        factory.write_yaml(root / "findings.yaml", {"schema": 1, "findings": [finding]})
        assert lint(root)
