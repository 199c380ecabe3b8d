from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pages.budgets import CHALLENGE, LESSON, OTHER, most_bytes
from benchmarks.pages.visits import View

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/challenges/sea-or-sky/", CHALLENGE),
        ("/challenges/sea-or-sky/?track=tune&rows=starter", CHALLENGE),
        ("/challenges/sea-or-sky/solution/", OTHER),
        ("/lessons/first/", LESSON),
        ("/lessons/first/findings/few-shot/", OTHER),
        ("/", OTHER),
        ("/submissions/486c0fe6-e874-4359-9605-a0a85375d3de/", OTHER),
    ],
)
def test_each_page_has_its_budget(path, most):
    assert most_bytes(path) == most


@pytest.mark.browser
@pytest.mark.slow
def test_the_command_measures_and_cleans_up(tmp_path):
    before, file = left_behind(), tmp_path / "out.json"
    argv = [sys.executable, "-m", "benchmarks.pages", "--only", "accounts/login", "--json", str(file)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    views = [View(**one) for one in json.loads(file.read_text())["views"]]
    assert [(view.device, view.cache) for view in views] == [
        ("desktop", "cold"),
        ("desktop", "warm"),
        ("phone", "cold"),
        ("phone", "warm"),
    ]
    assert all(view.bytes > 20_000 for view in views if view.cache == "cold")
    assert all(view.bytes < 20_000 for view in views if view.cache == "warm")
    assert left_behind() == before


def left_behind() -> list[str]:
    """Temporary folders of the command."""
    return [path.name for path in Path("/tmp").glob("gradus-pages-*")]
