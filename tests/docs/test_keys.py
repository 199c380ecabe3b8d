"""docs/bundle.md names every key of the YAML files of a bundle, in the sections that describe the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from challenges.authoring.schemas import BASELINE, schema
from tests.docs.pages import ROOT, tokens

PAGE = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
SECTIONS = {
    "course.yaml": ["course.yaml"],
    "lesson.yaml": ["lesson.yaml"],
    "challenge.yaml": [
        "challenge.yaml",
        "Documents",
        "Training methods",
        "Own choices",
        "Test sets",
        "Calibration and the gate",
    ],
    "findings.yaml": ["Findings"],
    BASELINE: ["Baselines", "Training methods"],
}


def keys(node: Any) -> Iterator[str]:
    """Every key that a schema knows, at any depth."""
    if isinstance(node, dict):
        yield from node.get("properties", {})
        for value in node.values():
            yield from keys(value)
    elif isinstance(node, list):
        for value in node:
            yield from keys(value)


def code(section: str) -> str:
    """What stands as code in a section of level 2: in a block, or between backticks."""
    text = re.search(rf"(?ms)^## {re.escape(section)}\n(.*?)(?=^## |\Z)", PAGE)
    assert text, f"bundle.md has no section {section}"
    blocks = tokens(text[1])
    fences = [block.content for block in blocks if block.type == "fence"]
    inline = [token.content for block in blocks for token in block.children or () if token.type == "code_inline"]
    return "\n".join([*fences, *inline])


def test_the_walk_finds_keys_at_any_depth_and_of_every_kind() -> None:
    assert {"pass", "corpus", "rubric", "own_choices", "improve", "rpo_alpha"} <= set(keys(schema("challenge.yaml")))
    assert {"answer", "rows_file", "min_score", "hyperparameters", "label_words"} <= set(keys(schema(BASELINE)))


@pytest.mark.parametrize("name", SECTIONS)
def test_every_key_is_named(name: str) -> None:
    said = "\n".join(map(code, SECTIONS[name]))
    missing = {key for key in keys(schema(name)) if not re.search(rf"(?<![\w-]){re.escape(key)}(?![\w-])", said)}
    assert missing == set()
