"""`gradus challenge prove` runs everything once, records it, continues after a kill, and checks without running."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from challenges.lint.run import lint
from challenges.reading import read_challenge, read_lesson
from tests.challenges import factory
from tests.waiting import wait_until
from tests.workers.authoring.prove_process import Knowing
from workers.authoring import baselines, prove_command
from workers.sandbox.supervisor import Runner

LIBRARY = Path(__file__).resolve().parents[3] / "challenges/library/fine-tuning-vs-prompting"


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def lesson(tmp_path, data):
    return factory.write_findings(factory.write_lesson(tmp_path / "lesson"))


@pytest.fixture
def runners(monkeypatch):
    made = []

    def runner():
        made.append(Knowing())
        return made[-1]

    monkeypatch.setattr(prove_command, "own_runner", runner)
    return made


def call(*arguments):
    app = typer.Typer()
    app.command()(prove_command.prove)
    return CliRunner().invoke(app, [str(a) for a in arguments])


def records(lesson):
    return json.loads((lesson / "findings.json").read_text())["findings"]


def record_of(lesson, name="examples-help"):
    return records(lesson)[name]


TRAINED = {"id": "lora", "title": "Trained", "files": ["baselines/lora.yaml"], "seeds": [17, 18, 19]}


def finding_of(statement, arms, found, name="examples-help", **claim):
    claims = [{"arms": [arm["id"] for arm in arms], "varies": "method", "found": found, **claim}]
    experiments = [{"challenge": "sea-or-sky", "arms": arms}]
    return factory.finding(id=name, statement=statement, experiments=experiments, claims=claims)


def test_a_finding_is_run_and_recorded_with_raw_scores(lesson, runners):
    done = call(lesson)
    assert done.exit_code == 0, done.output
    experiment = record_of(lesson)["experiments"][0]
    few, zero = experiment["arms"]
    assert [run["name"] for run in few["runs"]] == [f"set {n}" for n in range(1, 6)]
    assert [run["name"] for run in zero["runs"]] == ["plain"]
    assert (few["mean"], few["sd"], zero["mean"], zero["sd"]) == ({"score": 1.0}, {"score": 0.0}, {"score": 0.3333}, {})
    cost = {"ms": 0.0, "prompt_tokens": 1.0, "new_tokens": 0.0}
    one = {"name": "plain", "values": {"score": 0.3333}, "public": {"score": 0.3333}, "cost": cost}
    assert zero["runs"][0] == one
    claim = experiment["claims"][0]
    assert (claim["effect"], claim["found"], claim["holds"]) == (0.6667, "higher", True)
    assert 0 < claim["low"] <= claim["effect"] <= claim["high"] <= 1
    assert experiment["rows"] == 6
    assert lint(lesson) == []
    assert "claim 1, few against zero (score): holds" in done.output


def test_nothing_is_run_twice(lesson, runners):
    call(lesson)
    first = (lesson / "findings.json").read_text()
    assert len(runners[0].items) == 12
    again = call(lesson)
    assert (again.exit_code, runners[1].items) == (0, [])
    (lesson / "findings.json").unlink()
    assert call(lesson).exit_code == 0
    assert runners[2].items == []
    assert json.loads((lesson / "findings.json").read_text()) == json.loads(first)
    assert call(lesson, "--force").exit_code == 0
    assert len(runners[3].items) == 12
    assert all(runner.closed for runner in runners)


def test_equal_runs_of_two_findings_are_run_once(lesson, runners):
    arms = factory.finding()["experiments"][0]["arms"]
    reversed_ = {**arms[0], "id": "back", "order": [1, 0]}
    order = factory.finding(
        id="order",
        statement="The order moves the score by {1.effect}.",
        experiments=[{"challenge": "sea-or-sky", "arms": [arms[0], reversed_]}],
        claims=[{"arms": ["few", "back"], "varies": "order", "found": "unclear"}],
    )
    factory.write_findings(lesson, factory.finding(), order)
    done = call(lesson)
    assert done.exit_code == 0, done.output
    sets = {item.prompt for item in runners[0].items}
    assert len(runners[0].items) == 2 * len(sets)


def test_a_corrected_target_runs_nothing_and_makes_the_record_stale(lesson, runners):
    call(lesson)
    rows = factory.label_samples("h", 2, 5)
    rows[0]["target"], rows[1]["target"] = rows[1]["target"], rows[0]["target"]
    factory.write_rows(lesson / "sea-or-sky/hidden.jsonl", rows)
    checked = call(lesson, "--check")
    assert checked.exit_code == 1
    assert f"{lesson}/findings.yaml:3: the record of `examples-help` is stale" in checked.output
    call(lesson)
    assert len(runners) == 2
    assert runners[1].items == []
    assert record_of(lesson)["experiments"][0]["arms"][0]["mean"]["score"] == 0.6667


def test_a_claim_that_does_not_hold_exits_1_and_says_what_was_found(lesson, runners):
    backwards = [{"arms": ["zero", "few"], "varies": "examples", "found": "higher"}]
    factory.write_findings(lesson, factory.finding(claims=backwards))
    done, checked = call(lesson), call(lesson, "--check")
    assert (done.exit_code, checked.exit_code, len(runners)) == (1, 1, 1)
    assert "DOES NOT HOLD; claimed is higher, found was lower (effect -0.667" in done.output
    assert record_of(lesson)["experiments"][0]["claims"][0]["holds"] is False
    assert f"{lesson}/findings.yaml:" in checked.output
    assert "the claim does not hold on `sea-or-sky`" in checked.output


def test_what_is_kept_is_private_and_outside_of_the_bundle_and_what_is_damaged_is_run_again(lesson, data, runners):
    call(lesson)
    files = sorted((data / "findings").iterdir())
    assert len(files) == 6
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((data / "findings").stat().st_mode) == 0o700
    in_lesson = {path.name for path in lesson.iterdir() if path.is_file()}
    assert in_lesson == {"lesson.yaml", "lesson.md", "findings.yaml", "findings.json"}
    (lesson / "findings.json").unlink()
    files[0].write_text('{"public": ["sea"')
    files[1].write_text('{"public": [], "hidden": []}')
    assert call(lesson).exit_code == 0
    assert len(runners[1].items) == 4


def plain_baseline():
    """A training run against a logistic regression on the same rows."""
    arms = [TRAINED, {**TRAINED, "id": "plain", "title": "Plain", "control": "linear"}]
    statement = "Training scores {sea-or-sky.lora.score}, and the plain way {sea-or-sky.plain.score}."
    return finding_of(statement, arms, "unclear")


def test_the_best_of_several_training_runs_may_be_compared(lesson, runners):
    arms = [TRAINED, {"id": "prompts", "title": "A prompt", "files": ["baselines/weak.yaml"]}]
    made = finding_of("Training scores {sea-or-sky.lora.score}.", arms, "higher", best=True)
    factory.write_findings(lesson, made)
    assert call(lesson).exit_code == 0
    assert [item.seed for item in runners[0].items if type(item).__name__ == "Train"] == [17, 18, 19]


def test_the_plain_baseline_is_recorded_with_its_cost_and_is_not_run_twice(lesson, runners, data):
    factory.write_findings(lesson, plain_baseline())
    done = call(lesson)
    assert done.exit_code == 0, done.output
    lora, plain = record_of(lesson)["experiments"][0]["arms"]
    assert (plain["mean"], plain["sd"]) == ({"score": 1.0}, {"score": 0.0})
    for arm in (lora, plain):
        assert [run["name"] for run in arm["runs"]] == ["seed 17", "seed 18", "seed 19"]
    for run in plain["runs"]:
        # Two labels in two directions, with an intercept each; the encoder says 0.25 s for the four public rows.
        assert (run["public"], run["cost"]["bytes"]) == ({"score": 1.0}, 24.0)
        assert run["cost"]["ms"] >= 62.5
        assert 0.25 <= run["cost"]["training_seconds"] < 60
        assert "prompt_tokens" not in run["cost"]
    assert lora["runs"][0]["cost"]["prompt_tokens"] == 1.0
    assert record_of(lesson)["experiments"][0]["claims"][0]["p"] == 1.0
    assert "plain: score 1.0000 (1.0000 to 1.0000 in 3 runs), trained in " in done.output
    assert call(lesson, "--check").exit_code == 0
    first = record_of(lesson)
    (lesson / "findings.json").unlink()
    assert len(list((data / "findings").iterdir())) == 6
    assert call(lesson).exit_code == 0
    assert (runners[-1].items, record_of(lesson)) == ([], first)


def test_without_files_the_plain_baseline_takes_the_rows_that_everybody_sees(lesson, runners):
    finding = plain_baseline()
    del finding["experiments"][0]["arms"][1]["files"]
    factory.write_findings(lesson, finding)
    assert call(lesson).exit_code == 0
    assert record_of(lesson)["experiments"][0]["arms"][1]["mean"] == {"score": 1.0}
    embedded = [len(item.texts) for item in runners[0].items if type(item).__name__ == "Embed"]
    assert embedded == [6, 4, 6] * 3


def test_a_run_without_a_result_is_a_problem_and_leaves_the_other_findings_alone(lesson, runners):
    broken = {"kind": "tune", "instructions": "DIVERGE", "rows_file": "../train.jsonl"}
    factory.write_yaml(lesson / "sea-or-sky/findings/broken.yaml", broken)
    prompt = {"id": "prompt", "title": "A prompt", "files": ["findings/plain.yaml"]}
    bad = finding_of("-", [{**TRAINED, "files": ["findings/broken.yaml"]}, prompt], "higher", "bad")
    factory.write_findings(lesson, bad, factory.finding())
    done = call(lesson)
    assert done.exit_code == 1
    said = "the run lora, seed 17 on sea-or-sky gave no result (rejected: diverged)"
    assert f"`bad` cannot be recorded: {said}" in done.output
    assert list(records(lesson)) == ["examples-help"]


def test_json_is_all_that_is_printed(lesson, runners):
    missing = call(lesson, "--check", "--json")
    assert missing.exit_code == 1
    problem = json.loads(missing.stdout)["problems"][0]
    assert (problem["line"], problem["what"]) == (3, "`examples-help` has no record")
    assert problem["fix"] == "run `gradus challenge prove`"
    done = call(lesson, "--json")
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert [(one["id"], one["fresh"], one["holds"], one["claimed"]) for one in found["findings"]] == [
        ("examples-help", True, True, ["higher"])
    ]
    assert found["findings"][0]["record"] == record_of(lesson)


def test_only_and_a_challenges_folder_choose_findings_and_records_of_those_that_are_gone_are_removed(lesson, runners):
    other = factory.finding(id="other")
    factory.write_findings(lesson, factory.finding(), other)
    assert call(lesson, "--only", "other").exit_code == 0
    assert list(records(lesson)) == ["other"]
    assert call(lesson / "sea-or-sky").exit_code == 0
    assert set(records(lesson)) == {"examples-help", "other"}
    nothing = call(lesson / "ticket")
    assert (nothing.exit_code, "no findings here" in nothing.output) == (2, True)
    unknown = call(lesson, "--only", "others")
    assert unknown.exit_code == 2
    assert "there is no finding others: name one of examples-help, other" in unknown.output
    factory.write_findings(lesson, factory.finding(id="renamed"))
    assert call(lesson).exit_code == 0
    assert list(records(lesson)) == ["renamed"]


def test_a_finding_that_is_declared_wrongly_is_not_run(lesson, runners):
    claims = [{"arms": ["few", "nobody"], "varies": "examples", "found": "higher"}]
    factory.write_findings(lesson, factory.finding(claims=claims))
    done = call(lesson)
    assert done.exit_code == 1
    assert "has no arm `nobody`: name one of few, zero" in done.output
    assert runners == []


@pytest.mark.parametrize("text", ["schema: 1\nfindings: [[[", "findings: 3", "a: &x 1\nb: *x", "\x00"])
def test_a_findings_file_that_cannot_be_read_is_a_problem_with_its_line(lesson, runners, text):
    (lesson / "findings.yaml").write_text(text)
    for options in ([], ["--check"], ["--only", "examples-help"]):
        done = call(lesson, *options)
        assert done.exit_code == 1, done.output
        assert f"{lesson}/findings.yaml" in done.output
    assert runners == []


def test_a_folder_without_findings_or_that_is_not_there_exits_2(lesson, tmp_path, runners):
    (lesson / "findings.yaml").unlink()
    for path in (lesson, lesson / "sea-or-sky", tmp_path / "nowhere"):
        done = call(path)
        assert (done.exit_code, "no findings here" in done.output) == (2, True)


# --- killed and interrupted, in a process of its own --------------------------------------------------------------


def start(lesson, log, **environment):
    command = [sys.executable, "-m", "tests.workers.authoring.prove_process", str(lesson)]
    told = {"PROVE_LOG": str(log), **environment}
    root = Path(__file__).resolve().parents[3]
    return subprocess.Popen(
        command, cwd=root, env={**os.environ, **told}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_until_blocked(log, process):
    wait_until(lambda: Path(f"{log}.blocked").exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGKILL, -9), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_killed_or_interrupted_half_way_it_goes_on_with_what_is_missing(lesson, tmp_path, number, code):
    log = tmp_path / "log"
    # Each run has two items, public and hidden rows, so the fourth run is the one that does not end.
    first = start(lesson, log, PROVE_BLOCK="7")
    wait_until_blocked(log, first)
    first.send_signal(number)
    out, err = first.communicate(timeout=60)
    assert first.returncode == code
    assert "Traceback" not in out + err
    assert not (lesson / "findings.json").exists()
    if number == signal.SIGINT:
        assert "3 are missing. Give the same command again" in out
    log.unlink()
    second = start(lesson, log)
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, out + err
    assert "6 runs, 3 of them kept from before" in out
    assert len(log.read_text().splitlines()) == 6
    assert record_of(lesson)["experiments"][0]["claims"][0]["holds"] is True


@pytest.mark.slow
def test_the_built_in_model_proves_a_finding_of_the_built_in_lesson(tmp_path, data, built_in_folder, monkeypatch):
    """Prompts and a training run on a few rows of the real lesson get the grades of `gradus challenge test`."""
    models = built_in_folder.parent
    monkeypatch.setattr(prove_command, "own_runner", lambda: Runner(models_dir=models))
    lesson = tmp_path / "lesson"
    shutil.copytree(LIBRARY, lesson, ignore=shutil.ignore_patterns("findings*"))
    challenge = lesson / "symptom-specialty"
    for name, count in (("public.jsonl", 5), ("hidden.jsonl", 10), ("train.jsonl", 40)):
        rows = (challenge / name).read_text().splitlines(keepends=True)
        # The score of a grade is that of the public split, but a finding uses all hidden rows.
        (challenge / name).write_text("".join(rows[:count]).replace('"private"', '"public"'))
    factory.write_yaml(challenge / "findings/plain.yaml", {"kind": "prompt"})
    knobs = {"num_train_epochs": 1, "per_device_train_batch_size": 16}
    lora = {"kind": "tune", "rows_file": "../train.jsonl", "hyperparameters": knobs}
    factory.write_yaml(challenge / "findings/lora.yaml", lora)
    arms = [
        {"id": "few", "title": "Five", "files": ["findings/plain.yaml"], "example_sets": {"count": 5}},
        {"id": "lora", "title": "Trained", "files": ["findings/lora.yaml"]},
    ]
    made = factory.finding(
        statement="Trained, {symptom-specialty.lora.score}.",
        limits="{1.low}",
        experiments=[{"challenge": "symptom-specialty", "arms": arms}],
        claims=[{"arms": ["few", "lora"], "varies": "method", "found": "unclear"}],
    )
    factory.write_yaml(lesson / "findings.yaml", {"schema": 1, "findings": [made]})
    # The text shows findings that this lesson does not have.
    text = (lesson / "lesson.md").read_text().splitlines(keepends=True)
    (lesson / "lesson.md").write_text("".join(line for line in text if "<!-- finding:" not in line))
    done = call(lesson)
    assert (done.exit_code in (0, 1), "gave no result" in done.output) == (True, False), done.output
    few, trained = record_of(lesson)["experiments"][0]["arms"]
    assert all(0 <= run["values"]["score"] <= 1 for run in (*few["runs"], *trained["runs"]))
    assert len({run["values"]["score"] for run in few["runs"]}) > 1
    bundle, runner = read_challenge(challenge), Runner(models_dir=models)
    try:
        payload = read_lesson(lesson).arms["symptom-specialty", "findings/lora.yaml"]
        graded = baselines.graded(bundle, payload, runner, None, on_event=lambda event: None)
    finally:
        runner.close()
    assert trained["runs"][0]["values"]["score"] == pytest.approx(graded.score, abs=1e-4)
    assert trained["runs"][0]["public"]["score"] == pytest.approx(graded.public_score, abs=1e-4)
    again = call(lesson, "--check")
    assert (again.exit_code, "stale" in again.output) == (done.exit_code, False), again.output
