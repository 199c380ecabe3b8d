"""With `--json` a command prints JSON alone. What it says besides goes to standard error, also when it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
import typer
from typer.testing import CliRunner

from gradus.cli.main import app
from gradus.cli.plugins import LazyCommand, load
from tests.challenges import factory
from tests.cli.test_announcements import JSON_CALLS as ANNOUNCEMENTS
from tests.cli.test_class_dates import JSON_CALLS as DATES
from tests.cli.test_classes import JSON_CALLS as CLASSES
from tests.cli.test_grades import JSON_CALLS as GRADES
from tests.cli.test_learners import JSON_CALLS
from tests.cli.test_moderation import JSON_CALLS as BOARDS
from tests.cli.test_people import JSON_CALLS as PEOPLE
from tests.cli.test_publishing import JSON_CALLS as PUBLISHING
from tests.cli.test_releases import JSON_CALLS as RELEASES
from tests.cli.test_rosters import JSON_CALLS as ROSTERS
from tests.workers.authoring.prove_process import Knowing
from workers.authoring import baselines, prove_command, test_command, try_command
from workers.authoring.baselines import Outcome

# Each command with the option, as it is called for a folder that is fine and for one that is not.
CALLS = {
    "challenge lint": (["{fine}"], ["{broken}"], ["{nothing}"]),
    "challenge diff": (["{fine}", "{fine}"], ["{fine}", "{broken}"], ["{fine}", "{nothing}"]),
    "challenge try": (["{fine}/sea-or-sky/baselines/good.yaml"], ["{broken}/sea-or-sky/baselines/good.yaml"]),
    "challenge test": (["{fine}/sea-or-sky"], ["{broken}/sea-or-sky"], ["{nothing}"]),
    "challenge new": (["prompt", "mine", "--in", "{fine}"], ["poem", "mine", "--in", "{fine}"], ["prompt", "mine"]),
    "challenge rows": (
        ["{table}", "--text", "text", "--label", "label", "--to", "{fine}/sea-or-sky", "-u"],
        ["{table}", "--text", "words", "--label", "label", "--to", "{fine}/sea-or-sky"],
    ),
    "challenge dedupe": (["{fine}/sea-or-sky"], ["{broken}/sea-or-sky"], ["{nothing}"]),
    "course new": (["mine", "--in", "{nothing}"], ["Mine!", "--in", "{nothing}"]),
    "course fork": (["{course}", "--in", "{nothing}"], ["{broken}", "--in", "{nothing}"], ["{nothing}"]),
    "lesson new": (["mine", "--in", "{nothing}"],),
    "schema": (["challenge"], ["--write", "{nothing}"], ["poem"]),
    "challenge prove": (["{fine}", "--check"], ["{fine}"], ["{broken}", "--check"], ["{nothing}"]),
}
WORDS = ("gull", "reef", "kite", "comet", "tide", "buoy", "cloud", "eel", "swan", "crab", "star", "foam")


def commands(group: Any, above: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command of `gradus` with its name, those of the worker extra included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, LazyCommand):
            single = typer.Typer(add_completion=False)
            single.command(name)(load(found.point.name))
            found = typer.main.get_command(single)
        if hasattr(found, "list_commands"):
            yield from commands(found, f"{above}{name} ")
        else:
            yield f"{above}{name}", found


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Lessons, and runners that answer without a model."""

    def run(bundle: Any, baseline: Any, *_: Any, **__: Any) -> Outcome:
        return Outcome(baseline.ref.file, "prompt", "few-shot", 0.5, True, rows=(1.0, 0.0))

    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(baselines, "run", run)
    monkeypatch.setattr(test_command, "own_runner", lambda: SimpleNamespace(close=lambda: None))
    for module in (try_command, prove_command):
        monkeypatch.setattr(module, "own_runner", Knowing)
    fine, broken = (factory.write_findings(factory.write_lesson(tmp_path / name)) for name in ("fine", "broken"))
    (broken / "sea-or-sky/hidden.jsonl").write_text('{"text": "a gull", "label": "sky"}\n' * 3)
    (tmp_path / "nothing").mkdir()
    table = tmp_path / "table.csv"
    table.write_text(
        "text,label\n" + "".join(f"{word} {word},{'sea' if n % 2 else 'sky'}\n" for n, word in enumerate(WORDS))
    )
    course = factory.write_course(tmp_path / "course")
    return {"fine": fine, "broken": broken, "nothing": tmp_path / "nothing", "table": table, "course": course}


def test_every_command_with_the_option_is_called_here() -> None:
    flags = {name: [one for one in found.params if "--json" in one.opts] for name, found in commands(_group())}
    # The option of `calibrate` and `qualify` names a file instead.
    has_it = {name for name, found in flags.items() if any(getattr(one, "is_flag", False) for one in found)}
    on_the_site = (JSON_CALLS, ANNOUNCEMENTS, BOARDS, CLASSES, DATES, GRADES, PEOPLE, PUBLISHING, RELEASES, ROSTERS)
    assert has_it == CALLS.keys() | {name for calls in on_the_site for name in calls}


def _group() -> Any:
    return typer.main.get_command(app)


@pytest.mark.parametrize(("name", "call"), [(name, call) for name, calls in CALLS.items() for call in calls])
def test_standard_output_is_json_alone(folders: dict[str, Path], name: str, call: list[str]) -> None:
    words = [*name.split(), *(part.format(**folders) for part in call), "--json"]
    done = CliRunner().invoke(app, words)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    if done.exit_code == 0 or done.stdout:
        assert isinstance(json.loads(done.stdout), dict)
    else:
        assert done.stderr, "a command that refuses says why"
