"""The command line as a learner starts it, against a live site."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result
from pytest_django.live_server_helper import LiveServer
from typer.testing import CliRunner

from gradus.accounts.models import ApiToken, User
from tests import factories

Gradus = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, live_server: LiveServer) -> Path:
    """A home without a config; tables are wide enough for a UUID."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GRADUS_URL", live_server.url)
    monkeypatch.delenv("GRADUS_TOKEN", raising=False)
    return tmp_path


@pytest.fixture
def gradus() -> Gradus:
    # Where pytest loads this file before its own configuration, rich would keep the width of that moment.
    from gradus.cli.main import app

    return lambda *words, stdin=None: CliRunner().invoke(app, list(words), input=stdin)


@pytest.fixture
def as_ada(ada: User, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests")[1])
    return ada


@pytest.fixture
def prompt_file(home: Path) -> str:
    file = home / "prompt.yaml"
    file.write_text(yaml.safe_dump(factories.PROMPT))
    return str(file)
