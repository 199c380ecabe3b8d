"""`gradus challenge test` runs a baseline again only where its score may have changed, and knows which may miss."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from typer import Typer
from typer.testing import CliRunner

from challenges.kinds.rubric import GATE_ANSWERS
from challenges.reading import read_challenge
from graders.findings import Outputs
from tests.challenges import factory
from tests.challenges.factory import write_prompt_challenge
from tests.graders.test_findings import looked_up
from workers.authoring import baselines, test_command
from workers.authoring.baselines import Outcome
from workers.authoring.kept import KeptRuns

APP = Typer()
APP.command()(test_command.test)
SCORES = {"weak": 0.3, "good": 0.66, "lora": 0.9}


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The baselines that were run, with their seeds; each has the score of `SCORES`."""
    found: list[str] = []

    def run(bundle: Any, baseline: Any, *_: Any, **__: Any) -> Outcome:
        stem = Path(baseline.ref.file).stem
        found.append(f"{stem} {bundle.seed}" if stem == "lora" else stem)
        problem = baseline.ref.missed(SCORES[stem])
        return Outcome(baseline.ref.file, "prompt", "few-shot", SCORES[stem], not problem, problem, rows=(1.0, 0.0))

    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setattr(test_command, "own_runner", lambda: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(baselines, "run", run)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_prompt_challenge(tmp_path / "sea-or-sky")
    return tmp_path / "sea-or-sky"


def call(*argv: object) -> Any:
    return CliRunner().invoke(APP, [str(part) for part in argv])


def change(file: Path, **values: Any) -> None:
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **values}, sort_keys=False))


def test_nothing_runs_twice_after_a_change_of_texts_and_bounds(folder: Path, ran: list[str]) -> None:
    first = call(folder, "--seeds", 2)
    assert (first.exit_code, sorted(ran)) == (0, ["good", "lora 17", "lora 18", "weak"]), first.output
    ran.clear()
    bounds = [{"file": "baselines/weak.yaml", "max": 0.2}, {"file": "baselines/good.yaml", "min": 0.63}]
    change(folder / "challenge.yaml", title="New", hints=["One.", "Two.", "Three."], baselines=bounds)
    again = call(folder)
    assert (again.exit_code, ran, "above" in again.output) == (1, [], True)
    assert "2 runs kept from before" in again.output


def test_a_changed_row_and_a_changed_payload_run_again(folder: Path, ran: list[str]) -> None:
    call(folder)
    ran.clear()
    change(folder / "baselines/weak.yaml", instructions="Sea or sky?")
    call(folder)
    assert ran == ["weak"]
    ran.clear()
    rows = (folder / "hidden.jsonl").read_text().splitlines(keepends=True)
    (folder / "hidden.jsonl").write_text("".join(rows).replace('"input": "', '"input": "Now ', 1))
    call(folder, "--only", "good.yaml")
    assert ran == ["good"]


def test_force_and_an_adapter_to_save_run_again(folder: Path, ran: list[str], tmp_path: Path) -> None:
    call(folder)
    ran.clear()
    call(folder, "--only", "good.yaml", "--force")
    call(folder, "--only", "lora.yaml", "--save-adapter", tmp_path / "adapter")
    assert ran == ["good", "lora 17"]


def test_a_damaged_file_counts_as_missing_and_files_are_private(folder: Path, ran: list[str], tmp_path: Path) -> None:
    call(folder, "--only", "good.yaml")
    (kept,) = (tmp_path / "data/baselines").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text("{}")
    call(folder, "--only", "good.yaml")
    assert ran == ["good", "good"]


def test_scores_of_rows_are_kept_with_the_outputs(tmp_path):
    run, kept = looked_up(0.5), KeptRuns(tmp_path)
    kept.put(run.repetition, run.outputs)
    assert kept.get(run.repetition) == run.outputs
    kept.put(run.repetition, Outputs(run.outputs.public, run.outputs.hidden))
    assert kept.get(run.repetition) is None, "without scores there is nothing to compare"


@pytest.mark.parametrize(("marked", "score", "is_ok"), [(3, 0.25, True), (3, None, False), (GATE_ANSWERS, 0.25, False)])
def test_a_missed_bound_is_a_failure_only_where_a_judge_can_grade(tmp_path, marked, score, is_ok):
    root = factory.write_free_text_challenge(tmp_path / "explain")
    factory.write_gold(root, calibration=marked)
    outcome = Outcome("baselines/good.yaml", "free_text", "free_text", score, False, "below its min of 0.64")
    assert test_command.Tested(root, read_challenge(root), [outcome]).ok is is_ok
