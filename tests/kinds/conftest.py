"""The kind `echo`, installed as a package would be, by its entry points; and courses with a challenge of any kind."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import clear_url_caches, include, path
from typer.testing import CliRunner, Result

from challenges import registry
from gradus.accounts.models import ApiToken
from gradus.cli import authors
from gradus.cli.main import app
from gradus.learn import urls as learn_urls
from gradus.submissions.models import Evaluation, Run, Submission
from tests.challenges.factory import write_course, write_pages, write_rows, write_yaml
from workers import status
from workers.work import Worker

ImportCourse = Callable[..., None]
Cli = Callable[..., Result]
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


@pytest.fixture
def import_course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImportCourse:
    """Imports a course whose first challenge is the one given, by the command that operators use.

    Near-duplicates are not looked for, because embeddings take a while to load. A worker holds `model` alone.
    """

    def run(name: str, write: Callable[..., Path], model: str = "smollm2-135m-instruct", **keys: Any) -> None:
        monkeypatch.setattr(status, "digests", lambda: {model: "x"})
        monkeypatch.setattr(authors, "load", lambda name: lambda bundle: [])
        lesson = write_course(tmp_path / "course") / "first"
        shutil.rmtree(lesson / "sea-or-sky")
        write(lesson / name, **keys)
        spec = yaml.safe_load((lesson / "lesson.yaml").read_text())
        write_yaml(lesson / "lesson.yaml", {**spec, "challenges": [name, "ticket", "explain"]})
        call_command("import_course", str(lesson.parent), unverified=[])

    return run


def graded(owner: Submission | Run, engine: Any) -> Evaluation:
    """Works until what was handed in has ended."""
    worker = Worker(owner.current.lane, runner=engine)
    while Evaluation.objects.get(pk=owner.current.pk).is_open and worker.step():
        pass
    return Evaluation.objects.get(pk=owner.current.pk)


@pytest.fixture
def cli(ada: Any, live_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Runs the command line with a token of Ada's."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("GRADUS_URL", live_server.url)
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests")[1])
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def api(user: Any) -> Client:
    """A client that sends a token of the user's."""
    return Client(headers={"Authorization": f"Bearer {ApiToken.issue(user, 'tests')[1]}"})
