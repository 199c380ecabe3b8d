"""A kind of three files from another package goes through everything that the kinds of Gradus go through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from jsonschema import Draft7Validator
from typer.testing import CliRunner, Result

from challenges.authoring.unwritten import CODE
from challenges.lint.run import inspect, lint
from challenges.registry import kind_names
from graders import registry as graders
from gradus.accounts.models import User
from gradus.cli.main import app
from gradus.learn.kind_pages import page_of
from gradus.submissions.models import Run, Standing, Submission
from tests import factories
from tests.challenges.factory import put_tokenizer, write_rows, write_yaml
from tests.kinds.conftest import Cli, ImportCourse, api, echo_spec, graded, write_echo_challenge
from tests.kinds.rag_engine import Engine
from tests.markup import Markup
from tests.security.routes import KNOWN, LIBRARIES, routes
from workers.work import Worker

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = {"kind": "echo", "pattern": "{input} and {input}"}
LEARN = "/challenges/echoes/"


class NoRunner(Engine):
    """The engine of a kind that asks no model: any work item is a mistake."""

    def run(self, item: Any, **options: Any) -> Any:
        raise AssertionError(f"a work item for the engine: {item}")

    def choose(self, model: str, **options: Any) -> Any:
        raise AssertionError(f"a base model: {model}")


@pytest.fixture
def course(installed: Path, import_course: ImportCourse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_DATA_DIR", str(tmp_path / "data"))
    put_tokenizer(tmp_path / "data")
    import_course("echoes", write_echo_challenge)


def test_all_three_registries_know_it_while_its_package_is_installed(request: pytest.FixtureRequest) -> None:
    built_in = ("prompt", "tune", "free_text", "rag", "evaluate")
    assert kind_names() == built_in and set(graders.names()) == set(built_in)
    assert not [route for route in routes() if route.endswith("/said")]
    request.getfixturevalue("installed")
    assert kind_names() == (*built_in, "echo") and set(graders.names()) == set(kind_names())
    assert type(page_of("echo")).__name__ == "EchoPage"


def test_lint_accepts_it_and_reads_its_keys(installed: Path, tmp_path: Path) -> None:
    folder = write_echo_challenge(tmp_path / "echoes")
    assert lint(folder) == []
    write_yaml(folder / "challenge.yaml", echo_spec(most=0))
    assert [(p.file, p.line) for p in lint(folder)] == [("challenge.yaml", 6)]
    write_yaml(folder / "challenge.yaml", echo_spec(most=1001))
    assert [str(p) for p in lint(folder)] == [
        "challenge.yaml:6: `most` is more than a pattern can have: give 1000 or less"
    ]
    write_yaml(folder / "challenge.yaml", echo_spec(mots=3))
    (problem,) = lint(folder)
    assert (problem.what, problem.fix) == ("the key `mots` is unknown", "did you mean `most`?")
    write_yaml(folder / "challenge.yaml", echo_spec())
    write_yaml(folder / "baselines" / "good.yaml", {"kind": "echo", "pattern": "x" * 41})
    assert ["too_long" in problem.what for problem in lint(folder)] == [True]


def test_an_author_begins_one_with_the_folder_that_it_brings(installed: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> Result:
        return CliRunner().invoke(app, [*map(str, arguments)])

    assert run("course", "new", "mine", "--in", tmp_path).exit_code == 0
    done = run("challenge", "new", "echo", "echoes", "--in", tmp_path / "mine")
    assert done.exit_code == 0, done.output
    found = lint(tmp_path / "mine")
    assert {problem.code for problem in found} == {CODE}
    assert {problem.file for problem in found} >= {f"first-lesson/echoes/{name}.jsonl" for name in ("public", "hidden")}
    schema = Draft7Validator(json.loads((tmp_path / "mine/.schemas/challenge.json").read_text()))
    assert schema.is_valid(echo_spec()) and not schema.is_valid(echo_spec(most=0))


def test_without_a_model_the_lengths_of_rows_are_compared_in_characters(installed: Path, tmp_path: Path) -> None:
    folder = write_echo_challenge(tmp_path / "echoes")
    rows = [{"id": f"r{n}", "input": text, "target": "x"} for n, text in enumerate(("sandbank", "seaweeds"))]
    write_rows(folder / "hidden.jsonl", rows)
    found = inspect(folder)
    assert found.problems[0].what == "the average of its inputs is 8 characters, but 4 in public.jsonl"
    assert len(found.problems) == 2 and found.not_checked == []


def test_lint_names_the_known_kinds(tmp_path: Path) -> None:
    folder = write_echo_challenge(tmp_path / "echoes")
    first = next(problem for problem in lint(folder) if problem.line == 4)
    assert (first.what, first.fix) == (
        "`kind`: there is no kind `echo`",
        "use one of prompt, tune, free_text, rag, evaluate",
    )


def test_its_baselines_verify_the_version(course: None) -> None:
    worker = Worker("grade", runner=NoRunner())  # type: ignore[arg-type]
    while worker.step():
        pass
    version = factories.challenge("echoes").version
    assert version is not None
    assert {row["file"]: (row["score"], row["ok"]) for row in version.results} == {
        "baselines/weak.yaml": (0.0, True),
        "baselines/good.yaml": (1.0, True),
    }


def test_the_page_takes_it_and_shows_what_came_of_it(course: None, ada: User, ada_client: Client) -> None:
    page = Markup(ada_client.get(LEARN).content.decode())
    assert '<textarea id="pattern" name="pattern"' in page and "{input} stands for the row" in page and "Echo" in page
    refused = ada_client.post(f"{LEARN}submit", {"kind": "echo", "key": "1", "pattern": "x" * 41, "times": "1"})
    text = Markup(refused.content.decode())
    assert refused.status_code == 422 and "40 are allowed" in text and "x" * 41 in text
    unread = ada_client.post(f"{LEARN}submit", {"kind": "echo", "key": "1", "pattern": "x", "times": "one"})
    assert unread.status_code == 422 and "“Times” is not valid JSON" in Markup(unread.content.decode())
    assert not Submission.objects.exists()

    ran = ada_client.post(f"{LEARN}run", {**GOOD, "key": "2", "times": "1"})
    run = Run.objects.get(user=ada)
    assert ran.url == f"/runs/{run.uuid}/"
    assert graded(run, NoRunner()).state == "scored"
    assert "4 right" in Markup(ada_client.get(f"/runs/{run.uuid}/").content.decode())

    sent = ada_client.post(f"{LEARN}submit", {**GOOD, "key": "3", "times": "1"})
    submission = Submission.objects.get()
    assert sent.url == f"/submissions/{submission.uuid}/" and submission.kind == "echo"
    assert graded(submission, NoRunner()).state == "scored"
    result = Markup(ada_client.get(sent.url).content.decode())
    assert "1.00" in result and "Gold" in result and "What is said to each row" in result and "pier" not in result
    standing = Standing.objects.get(user=ada)
    assert (standing.track, standing.shown, standing.passed) == ("echo", 1.0, True)
    assert "Say it twice" in Markup(ada_client.get("/path/").content.decode())
    board = Markup(ada_client.get("/leaderboards/echoes/").content.decode())
    assert "enchantress" in board and "Echo" in board


def test_its_own_page_is_for_the_learner_alone(
    course: None, ada: User, ada_client: Client, bob_client: Client, client: Client
) -> None:
    foreign = [route for route in routes() if route not in KNOWN and not route.startswith(LIBRARIES)]
    assert foreign == ["submissions/<uuid:uuid>/said"]
    ada_client.post(f"{LEARN}submit", {**GOOD, "key": "1", "times": "1"})
    submission = Submission.objects.get(user=ada)
    address = reverse("learn:said", args=[submission.uuid])
    assert ada_client.get(address).content.decode().splitlines()[0] == "tide and tide"
    assert bob_client.get(address).status_code == client.get(address).status_code == 404


def test_the_api_takes_it_and_documents_it(course: None, ada: User) -> None:
    client = api(ada)
    shown = client.get("/api/v1/challenges/echoes").json()
    assert (shown["kind"], shown["tracks"], shown["details"]) == ("echo", ["echo"], {"echo": {"most": 40}})
    wrong = client.post(
        "/api/v1/challenges/echoes/submissions", {"kind": "echo", "pattern": 3}, content_type="application/json"
    )
    assert wrong.status_code == 422
    assert [(p["field"], p["message"]) for p in wrong.json()["problems"]] == [("pattern", "Write a text, in quotes.")]
    made = client.post("/api/v1/challenges/echoes/submissions", GOOD, content_type="application/json")
    assert made.status_code == 201, made.content
    submission = Submission.objects.get(uuid=made.json()["uuid"])
    graded(submission, NoRunner())
    found = client.get(f"/api/v1/submissions/{submission.uuid}").json()
    assert (found["status"], found["score"], found["verdict"], found["kind"]) == ("scored", 1.0, "passed", "echo")
    ranks = client.get("/api/v1/challenges/echoes/leaderboard?track=echo").json()
    assert [row["score"] for row in ranks["rows"]] == [1.0]
    document = json.dumps(client.get("/api/v1/openapi.json").json())
    assert "EchoPayload" in document and "What is said to each row" in document


def test_the_command_line_sends_a_text_as_its_pattern(course: None, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "pattern.txt").write_text("{input} and {input}")
    done = cli("submit", "echoes", tmp_path / "pattern.txt")
    assert done.exit_code == 0, done.output
    submission = Submission.objects.get()
    assert submission.payload == {"kind": "echo", "pattern": "{input} and {input}", "times": 1}
    graded(submission, NoRunner())
    told = cli("logs", submission.uuid)
    assert told.exit_code == 0 and "1.00" in told.output
    refused = cli("submit", "echoes", "--rows", tmp_path / "pattern.txt")
    assert refused.exit_code == 1 and "does not take training rows" in refused.output
