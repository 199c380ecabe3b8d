"""Writes README's table of baselines from `measured.json`; a test holds the two equal.

`python -m benchmarks.readme`
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
MEASURED = ROOT / "challenges" / "library" / "fine-tuning-vs-prompting" / "measured.json"
BEGIN, END = "<!-- baselines -->", "<!-- /baselines -->"


def table(measured: dict[str, Any]) -> str:
    """Markdown: a table of the baselines, and the paired tests between neighbours, for each challenge."""
    parts = []
    for name, found in sorted(measured["baselines"].items()):
        lines = [f"`{name}`, on {found['machine']}:", "", "| baseline | kind | score | tokens a request | seconds |"]
        lines.append("| --- | --- | --- | --- | --- |")
        lines += [_row(result) for result in found["results"]]
        steps = [
            f"{_stem(s['from'])} to {_stem(s['to'])} {s['difference']:+.3f} (p = {s['p']:g})" for s in found["steps"]
        ]
        lines += ["", "Mean row score, paired tests on the hidden rows: " + "; ".join(steps) + "."] if steps else []
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(result: dict[str, Any]) -> str:
    tokens = result["cost"].get("prompt_tokens")
    shown = f"{tokens:.0f}" if tokens else ""
    scores = ", ".join(f"{score:.3f}" for score in (result.get("by_seed") or {"": result["score"]}).values())
    return f"| {_stem(result['file'])} | {result['kind']} | {scores} | {shown} | {result['seconds']} |"


def _stem(file: str) -> str:
    return Path(file).stem


def inside(readme: str) -> str:
    """What stands between the marks."""
    return readme.split(BEGIN)[1].split(END)[0].strip()


def main() -> None:
    readme = README.read_text()
    head, tail = readme.split(BEGIN)[0], readme.split(END)[1]
    README.write_text(f"{head}{BEGIN}\n{table(json.loads(MEASURED.read_text()))}\n{END}{tail}")


if __name__ == "__main__":
    main()
