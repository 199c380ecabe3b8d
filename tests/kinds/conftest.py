"""Installs the kind `echo` as a package would be: by its entry points, without touching a file of Gradus."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.urls import clear_url_caches, include, path

from challenges import registry
from gradus.learn import urls as learn_urls
from tests.challenges.factory import write_pages, write_rows, write_yaml

ENTRY_POINTS = """\
[gradus.kinds]
echo = tests.kinds.echo.description:KIND
[gradus.graders]
echo = tests.kinds.echo.grader
[gradus.pages]
echo = tests.kinds.echo.page:PAGE
"""
WORDS = ("tide", "gull", "reef", "foam", "kelp", "dune", "buoy", "crab", "mast", "pier")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which the package is installed."""
    info = tmp_path / "packages" / "echo_kind-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: echo-kind\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(info.parent))
    restart()
    yield info.parent
    monkeypatch.undo()
    restart()


def restart() -> None:
    """Reads entry points and routes again, as a process does that starts after a package was installed or removed."""
    importlib.invalidate_caches()
    registry.forget()
    importlib.reload(learn_urls)
    site = importlib.import_module(settings.ROOT_URLCONF).urlpatterns
    place = next(number for number, route in enumerate(site) if getattr(route, "urlconf_name", None) is learn_urls)
    site[place] = path("", include(learn_urls))
    clear_url_caches()


def echo_spec(**changes: Any) -> dict[str, Any]:
    """`challenge.yaml` of a challenge of the kind `echo`, whose key `most` belongs to the kind."""
    return {
        "schema": 1,
        "id": "echoes",
        "version": "1.0.0",
        "kind": "echo",
        "title": "Say it twice",
        "most": 40,
        "metric": {"name": "exact_match"},
        "pass": 0.6,
        "gold": 0.9,
        "hints": ["One.", "Two.", "Three."],
        "baselines": [{"file": "baselines/weak.yaml", "max": 0.4}, {"file": "baselines/good.yaml", "min": 0.7}],
        **changes,
    }


def write_echo_challenge(root: Path, **changes: Any) -> Path:
    write_yaml(root / "challenge.yaml", echo_spec(**changes))
    write_pages(root)
    rows = [{"id": word, "input": word, "target": f"{word} and {word}"} for word in WORDS]
    write_rows(root / "public.jsonl", rows[:4])
    write_rows(root / "hidden.jsonl", rows[4:])
    write_yaml(root / "baselines/weak.yaml", {"kind": "echo", "pattern": "{input}"})
    write_yaml(root / "baselines/good.yaml", {"kind": "echo", "pattern": "{input} and {input}"})
    return root
