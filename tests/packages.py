"""Packages that are installed for one test, with their entry points, as `pip install` would leave them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from challenges import registry

Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install("name", {"name/__init__.py": "..."}, {"gradus.metrics": {"bleu": "name:bleu"}})` puts a package on
    the path; returns the folder that holds it. A test ends with the package and its modules forgotten."""
    places: list[str] = []

    def put(name: str, files: Mapping[str, str], points: Mapping[str, Mapping[str, str]]) -> Path:
        site = tmp_path / "site" / name
        lines = [f"[{group}]\n" + "".join(f"{n} = {v}\n" for n, v in named.items()) for group, named in points.items()]
        info = {
            f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
            f"{name}-1.0.dist-info/entry_points.txt": "\n".join(lines),
        }
        for path, text in {**files, **info}.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        monkeypatch.syspath_prepend(site)
        places.append(str(site))
        registry.forget()
        return site

    yield put
    for module, loaded in list(sys.modules.items()):
        if (getattr(loaded, "__file__", None) or "").startswith(tuple(places) or ("\0",)):
            del sys.modules[module]
    monkeypatch.undo()
    importlib.invalidate_caches()
    registry.forget()
