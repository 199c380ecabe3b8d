"""Folders of challenges for tables, and a command line whose embeddings are stood in for or missing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gradus.cli import plugins
from gradus.cli.main import app
from tests.challenges import factory
from tests.challenges.tables import desk

Gradus = Callable[..., Result]
PATH = "workers.authoring.embedding:embed"


@pytest.fixture
def gradus(monkeypatch: pytest.MonkeyPatch) -> Gradus:
    """Runs the command line without the worker extra."""
    monkeypatch.setattr(plugins, "entry_points", lambda group: [])
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def embedding(gradus: Gradus, monkeypatch: pytest.MonkeyPatch) -> Gradus:
    """Runs the command line with the sentence embeddings of the worker extra, where that is installed."""
    pytest.importorskip("torch", reason="embeddings need the worker extra")
    points = [EntryPoint(rows_embed, PATH, plugins.GROUP) for rows_embed in ("challenge.embed",)]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    return gradus


@pytest.fixture
def desk_challenge(tmp_path: Path) -> Path:
    """A challenge with the labels of the support desk and without rows."""
    return bare_challenge(tmp_path / "sea-or-sky", labels=desk.LABELS)


def bare_challenge(folder: Path, labels: Sequence[str] = (), **changes: Any) -> Path:
    """The folder of a challenge that lints clean but for its rows and baselines, and has no rows."""
    answer = {"type": "label", "labels": list(labels)} if labels else changes.pop("answer")
    factory.write_prompt_challenge(folder, answer=answer, **changes)
    for name in ("public", "hidden", "train"):
        (folder / f"{name}.jsonl").unlink()
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A challenge with documents, without rows."""
    folder = tmp_path / "ask-the-library"
    shutil.copytree(Path(__file__).parents[3] / "docs/examples/ask-the-library", folder)
    for name in ("public", "hidden"):
        (folder / f"{name}.jsonl").unlink()
    return folder
