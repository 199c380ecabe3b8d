from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.pages import report, seed
from benchmarks.pages.budgets import CHALLENGE, LESSON, OTHER, most_bytes
from benchmarks.pages.visits import Stop, View

ROOT = Path(__file__).resolve().parents[2]
VIEW = View(
    page="path",
    device="phone",
    cache="cold",
    status=200,
    bytes=95_400,
    budget=OTHER,
    requests=18,
    first_paint_ms=250,
    largest_paint_ms=300,
    layout_shift=0.002,
    nodes=1212,
    height=2226,
)


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


def test_what_misses_a_budget_is_told_with_its_heaviest_files():
    assert report.short_of([VIEW]) == []
    heavy = replace(VIEW, bytes=262_000, heaviest={"echarts.js": 160_000})
    assert report.short_of([heavy]) == ["path, phone, cold: 262 kB (echarts.js 160), the budget is 160 kB"]
    (moves,) = report.short_of([replace(VIEW, layout_shift=0.1)])
    assert "move by 0.10" in moves
    assert "answered 404" in report.short_of([replace(VIEW, status=404)])[0]
    assert "no such thing" in report.short_of([replace(VIEW, errors=["no such thing"])])[0]


def test_the_table_has_a_row_for_each_page_of_each_device():
    warm = replace(VIEW, cache="warm", bytes=3_200, requests=1)
    text = report.text([VIEW, warm, replace(VIEW, device="desktop"), replace(warm, device="desktop")])
    assert "| path | 95 | 160 | 3 | 18 / 1 | 250 / 250 | 300 / 300 | 0.002 | 1,212 | 2,226 | yes |" in text
    assert text.count("| path |") == 2


def test_pages_are_named_without_what_changes_from_run_to_run():
    uuid = "486c0fe6-e874-4359-9605-a0a85375d3de"
    assert seed.name(f"/submissions/{uuid}/") == "submissions/…"
    assert seed.name(f"/challenges/sea-or-sky/compare/?a={uuid}&b={uuid}") == "challenges/sea-or-sky/compare (a)"
    assert seed.name("/") == "front page"
    assert [stop.name for stop in seed.numbered([Stop("a", "/1"), Stop("b", "/2"), Stop("a", "/3")])] == [
        "a",
        "b",
        "a 2",
    ]


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
