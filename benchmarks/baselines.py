"""Writes `docs/measured.md`, the table of the built-in course's baselines, from the lesson's `measured.json`.

`python -m benchmarks.baselines`. A test holds the page equal to what this writes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "measured.md"
MEASURED = ROOT / "challenges" / "library" / "fine-tuning-vs-prompting" / "measured.json"
INTRODUCTION = """\
# What the first lesson measures

*Fine-tuning vs prompting: when to train your model* states only what was measured. These are the baselines of its
challenges: example submissions that `gradus challenge test --record` graded on the hidden rows. `python -m
benchmarks.baselines` writes this page.

A baseline that trains and must pass ran with three training seeds, and its three scores are given in the order of the
seeds. The seconds cover training and grading of the first seed. The machine did other work during most of these runs,
so the seconds are upper bounds.
"""


def page(measured: dict[str, Any]) -> str:
    """Markdown: for each challenge its baselines in a table, then the paired tests between neighbouring baselines."""
    return "\n".join([INTRODUCTION, *(_challenge(*one) for one in sorted(measured["baselines"].items()))])


def _challenge(name: str, found: dict[str, Any]) -> str:
    lines = [f"## {name}", "", f"Measured on {found['machine']}.", ""]
    lines += ["| baseline | kind | score | tokens per request | seconds |", "| --- | --- | --- | --- | --- |"]
    lines += [_row(result) for result in found["results"]]
    steps = [f"{_stem(s['from'])} to {_stem(s['to'])} {s['difference']:+.3f} (p = {s['p']:g})" for s in found["steps"]]
    tests = f"Differences of the mean row score, with paired tests on the hidden rows: {'; '.join(steps)}."
    return "\n".join([*lines, *(["", tests] if steps else []), ""])


def _row(result: dict[str, Any]) -> str:
    tokens = result["cost"].get("prompt_tokens")
    shown = f"{tokens:.0f}" if tokens else ""
    scores = ", ".join(f"{score:.3f}" for score in (result.get("by_seed") or {"": result["score"]}).values())
    return f"| {_stem(result['file'])} | {result['kind']} | {scores} | {shown} | {result['seconds']} |"


def _stem(file: str) -> str:
    return Path(file).stem


def main() -> None:
    PAGE.write_text(page(json.loads(MEASURED.read_text())))


if __name__ == "__main__":
    main()
