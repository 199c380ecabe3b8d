"""docs/extending.md, "Add a base model": a folder with weights and an entry in the operator's file; no code changes."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from transformers import AutoModelForCausalLM

from challenges.check import check
from challenges.findings.digest import checkpoint
from challenges.kinds.prompt import PromptPayload
from challenges.lint.run import lint
from challenges.models import catalogue, chat_templates
from challenges.models.catalogue import ModelsFileError, read_models
from challenges.models.tokens import counter
from challenges.spec import Challenge
from gradus.environment import Environment
from gradus.operations.doctor import grading
from gradus.submissions.models import WorkerStatus
from tests import factories
from tests.challenges import factory
from tests.extending.course import published
from tests.workers import tiny
from tests.workers.test_work import TableRunner
from workers.engine import fetch
from workers.engine.fetch import FetchError
from workers.sandbox.supervisor import Runner
from workers.work import Worker

ROOT = Path(__file__).resolve().parents[2]
NAME = "house-llama"


@pytest.fixture(scope="session")
def checkpoint_folder(tmp_path_factory):
    """A tiny Llama with random weights, as `save_pretrained` of model and tokenizer leaves it."""
    folder = tiny.build(tmp_path_factory.mktemp("checkpoints"), "llama")
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    model.save_pretrained(folder)
    (folder / "digest.txt").unlink()
    return folder, model.num_parameters()


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """A model this small gains nothing from threads, and the machine is shared."""
    torch.set_num_threads(1)


@pytest.fixture
def data_dir(tmp_path, monkeypatch, settings):
    """The site's data folder, as the environment and the settings name it."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("GRADUS_DATA_DIR", str(folder))
    settings.DATA_DIR = folder
    catalogue.known.cache_clear()
    yield folder
    monkeypatch.undo()
    catalogue.known.cache_clear()


@pytest.fixture
def entry(checkpoint_folder, tmp_path):
    """The entry of the operator's file; its folder is named relative to the file."""
    folder, parameters = checkpoint_folder
    shutil.copytree(folder, tmp_path / "etc" / "llama")
    return {
        "name": NAME,
        "title": "House Llama",
        "licence": "MIT",
        "parameters": parameters,
        "context": 512,
        "special_tokens": tiny.SPECIAL,
        "folder": "llama",
    }


@pytest.fixture
def listed(data_dir, entry, tmp_path, monkeypatch):
    """The model stands in the file that GRADUS_MODELS_FILE names."""
    return name_file(tmp_path, monkeypatch, entry)


def name_file(tmp_path, monkeypatch, *entries):
    path = tmp_path / "etc" / "models.yaml"
    factory.write_yaml(path, {"models": [json.loads(json.dumps(entry)) for entry in entries]})
    monkeypatch.setenv("GRADUS_MODELS_FILE", str(path))
    catalogue.known.cache_clear()
    return path


@pytest.mark.django_db(transaction=True)
def test_a_model_of_the_operators_file_is_linted_shown_and_computed(listed, data_dir, tmp_path, ada, ada_client):
    # What `manage.py fetch_models` starts. It converts the checkpoint once; nothing reads the operator's folder later.
    assert fetch.main([NAME, "--data-dir", str(data_dir)]) == 0
    shutil.rmtree(tmp_path / "etc" / "llama")
    weights = (data_dir / "models" / NAME / "model.safetensors").read_bytes()
    assert [f.level for f in grading.model_files() if NAME in f.text] == ["ok"]

    # A shorter context than the built-in model's leaves less room for prompts.
    folder = published(tmp_path / "course", model=NAME, limits={"prompt_tokens_max": 256})
    assert lint(folder) == []
    assert counter(NAME)("sea") > 0
    page = ada_client.get("/challenges/sea-or-sky/").content.decode()
    assert "House Llama" in page and str(tmp_path) not in page
    shown = ada_client.get("/api/v1/challenges/sea-or-sky").json()
    assert shown["model"] == NAME and str(tmp_path) not in json.dumps(shown)

    refused = {**factories.PROMPT, "instructions": "Sea <|im_start|> or sky?"}
    answer = ada_client.post(
        "/api/v1/challenges/sea-or-sky/submissions",
        data=refused,
        content_type="application/json",
        headers={"Idempotency-Key": "one"},
    )
    assert answer.status_code == 422 and "control token" in answer.content.decode()

    runner = Runner(threads=1, models_dir=data_dir / "models")
    try:
        prompt, tuned = factories.submit(ada), factories.submit(ada, payload=factories.LORA)
        assert Worker("grade", runner=runner).step()
        assert Worker("train", runner=runner).step()
    finally:
        runner.close()
    assert prompt.current.state == tuned.current.state == "scored"
    assert tuned.current.result["training"]["steps"] > 0
    status = WorkerStatus.objects.get(lane="train")
    assert status.base_models == {NAME: hashlib.sha256(weights).hexdigest()}
    assert status.problem == ""
    place = f"{tuned.current.pk}/{tuned.current.fence}/adapter.zip"
    with storages["artifacts"].open(place) as file, zipfile.ZipFile(file) as archive:
        config = json.loads(archive.read("adapter_config.json"))
    assert config["base_model_name_or_path"] == NAME


def test_the_data_folder_may_hold_the_file_as_json(data_dir, entry, tmp_path):
    (data_dir / "models.yaml").write_text(json.dumps({"models": [{**entry, "folder": str(tmp_path / "etc/llama")}]}))
    assert list(catalogue.MODELS) == [*catalogue.BUILT_IN, NAME]
    assert catalogue.MODELS[NAME].folder == tmp_path / "etc" / "llama"
    assert [finding.text for finding in grading.model_files()][-1] == f"{NAME}: missing"


def test_the_file_is_read_once_per_process(listed):
    before = catalogue.MODELS[NAME]
    listed.write_text("models: nonsense\n")
    assert catalogue.MODELS[NAME] is before


def test_an_unknown_model_lists_the_known_ones_and_a_path_is_one_of_these(listed, tmp_path):
    for number, name in enumerate(("gpt-9", str(tmp_path / "etc" / "llama"), "../../etc/llama")):
        problems = lint(factory.write_prompt_challenge(tmp_path / f"c{number}/sea-or-sky", model=name))
        assert [(p.what, p.fix) for p in problems] == [
            (f"the model `{name}` is not in the catalogue", f"use one of {', '.join(catalogue.BUILT_IN)}, {NAME}")
        ]
        assert counter(name) is None


def test_no_file_is_read_for_a_path_in_a_bundle(data_dir, tmp_path):
    outside = tmp_path / "outside"
    shutil.copytree(tiny.build(tmp_path / "built"), outside)
    (data_dir / "models").mkdir()
    assert (data_dir / "models" / "../../outside/tokenizer.json").is_file()
    assert counter("../../outside") is None


@pytest.mark.parametrize(
    ("is_listed", "problem"),
    [
        (True, f"does not hold the base model {NAME}. Run `python -m workers.engine.fetch {NAME}` on its machine."),
        (False, "GRADUS_MODELS_FILE"),
    ],
)
def test_a_worker_that_does_not_hold_or_know_the_model_gives_the_job_back_and_says_so(
    data_dir, tmp_path, ada, request, is_listed, problem
):
    if is_listed:
        request.getfixturevalue("listed")
    here = data_dir / "models" / "smollm2-135m-instruct"
    here.mkdir(parents=True)
    (here / "digest.txt").write_text("d" * 64)
    published(tmp_path / "course", model=NAME)
    submission = factories.submit(ada)
    assert Worker("grade", runner=TableRunner()).step()
    assert (submission.current.state, submission.current.attempt) == ("queued", 0)
    assert problem in WorkerStatus.objects.get(lane="grade").problem


# --- mistakes in the file -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "line", "says"),
    [
        ({"name": "../evil"}, 2, "`models.0.name`"),
        ({"name": "smollm2-135m-instruct"}, 2, "is a built-in base model: choose another name"),
        ({"licence": None}, 4, "`models.0.licence` is empty: write a text"),
        ({"parameters": "many"}, 5, "`models.0.parameters`"),
        ({"context": 0}, 6, "`models.0.context`"),
        ({"special_tokens": []}, 7, "`models.0.special_tokens`"),
        ({"folder": None}, 2, "give `folder`, `hub` or `wheel`"),
        ({"hub": "../../etc"}, 12, "`models.0.hub`"),
        ({"sha256": "abc"}, 12, "`models.0.sha256`"),
        ({"folde": "x"}, 12, "the key `models.0.folde` is unknown: did you mean `folder`?"),
        ({"wheel": {"package": "p", "version": "1"}}, 12, "`models.0.wheel.sha256` is missing: add `sha256: ...`"),
    ],
)
def test_a_mistake_says_file_line_and_how_to_fix_it(data_dir, entry, tmp_path, monkeypatch, changes, line, says):
    path = name_file(tmp_path, monkeypatch, {**entry, **changes})
    with pytest.raises(ModelsFileError) as caught:
        list(catalogue.MODELS)
    assert f"{path}:{line}: " in str(caught.value) and says in str(caught.value)
    with pytest.raises(ImproperlyConfigured, match=r"docs/operations/programs\.md"):
        Environment().base_models()


def test_a_name_that_stands_twice_and_a_file_that_is_not_there_are_refused(data_dir, entry, tmp_path, monkeypatch):
    path = name_file(tmp_path, monkeypatch, entry, {**entry, "title": "Another"})
    with pytest.raises(ModelsFileError, match=f"{path.name}:12: `{NAME}` stands twice: choose another name"):
        read_models(path, [])
    path.unlink()
    with pytest.raises(ModelsFileError, match=r"etc/models.yaml: the file is missing: add it"):
        list(catalogue.MODELS)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["manage.py", "doctor"], id="site"),
        pytest.param(["-m", "gradus.cli", "challenge", "lint", "COURSE"], id="command line", marks=pytest.mark.slow),
        pytest.param(["-m", "workers.engine.fetch"], id="fetch", marks=pytest.mark.slow),
    ],
)
def test_every_program_says_it_without_a_traceback(data_dir, entry, tmp_path, monkeypatch, command):
    path = name_file(tmp_path, monkeypatch, {**entry, "context": "wide"})
    course = factory.write_course(tmp_path / "course")
    if command[1] == "gradus.cli":
        command = ["-c", "from gradus.cli.main import main; main()", *command[2:]]
    argv = [sys.executable, *(str(course) if part == "COURSE" else part for part in command)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f"{path}:6: `models.0.context`" in done.stderr and "Traceback" not in done.stderr


# --- where the weights come from ----------------------------------------------------------------------------------


def test_weights_with_another_digest_are_not_installed(data_dir, entry, tmp_path, monkeypatch):
    weights = tmp_path / "etc" / "llama" / "model.safetensors"
    right = hashlib.sha256(weights.read_bytes()).hexdigest()
    name_file(tmp_path, monkeypatch, {**entry, "sha256": "0" * 64})
    with pytest.raises(FetchError, match=r"model.safetensors has another SHA-256"):
        fetch.fetch(NAME, data_dir)
    assert fetch.status(NAME, data_dir) == "missing"
    name_file(tmp_path, monkeypatch, {**entry, "sha256": right})
    fetch.fetch(NAME, data_dir)
    assert fetch.status(NAME, data_dir) == "ready"
    assert checkpoint(NAME) == right


@pytest.fixture
def hub(httpserver, entry, tmp_path, monkeypatch):
    """The Hugging Face hub on the loopback address, which serves the checkpoint as `house/llama`."""
    import huggingface_hub.constants
    from werkzeug import Response

    folder = tmp_path / "etc" / "llama"
    commit = "c" * 40
    (folder / "modeling_evil.py").write_text("raise SystemExit('code of the checkpoint ran')\n")
    (folder / "chat_template.jinja").write_text("{{ messages[0].content }}")
    names = sorted(path.name for path in folder.iterdir())
    revision = {"id": "house/llama", "sha": commit, "siblings": [{"rfilename": name} for name in names]}

    def serve(name):
        data = (folder / name).read_bytes()
        headers = {"X-Repo-Commit": commit, "ETag": f'"{hashlib.sha256(data).hexdigest()}"'}
        return lambda request: Response(data, headers=headers, content_type="application/octet-stream")

    api = "/api/models/house/llama"
    tree = [{"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": commit} for name in names]
    httpserver.expect_request(f"{api}/revision/v1").respond_with_json(revision)
    httpserver.expect_request(f"{api}/tree/{commit}").respond_with_json(tree)
    unknown = {"X-Error-Code": "RepoNotFound"}
    httpserver.expect_request("/api/models/house/nothing/revision/v1").respond_with_data("", 404, unknown)
    # What is not listed here is 404 at once: the library tries anew after a 500.
    httpserver.expect_oneshot_request("/api/agent-harnesses").respond_with_data("", 404)
    for name in names:
        httpserver.expect_request(f"/house/llama/resolve/{commit}/{name}").respond_with_handler(serve(name))
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", httpserver.url_for("").rstrip("/"))
    monkeypatch.setattr(
        huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE",
        httpserver.url_for("").rstrip("/") + "/{repo_id}/resolve/{revision}/{filename}",
    )  # fmt: skip
    return httpserver


def test_weights_come_from_the_hub_without_its_code(hub, data_dir, entry, tmp_path, monkeypatch):
    source = {**entry, "hub": "house/llama", "revision": "v1"}
    del source["folder"]
    name_file(tmp_path, monkeypatch, source)
    fetch.fetch(NAME, data_dir)
    assert fetch.status(NAME, data_dir) == "ready"
    asked = [request.path for request, _ in hub.log]
    assert any(path.endswith("model.safetensors") for path in asked) and not any(p.endswith(".py") for p in asked)
    assert checkpoint(NAME) == "house/llama@v1"
    assert chat_templates.own_turns(NAME).write([("user", "Sea?")], True) == "Sea?"


def test_a_hub_that_does_not_answer_says_what_to_do(hub, data_dir, entry, tmp_path, monkeypatch):
    source = {**entry, "hub": "house/nothing", "revision": "v1"}
    del source["folder"]
    name_file(tmp_path, monkeypatch, source)
    with pytest.raises(FetchError, match=f"house/nothing at revision v1 could not be downloaded.*--from FOLDER {NAME}"):
        fetch.fetch(NAME, data_dir)
    assert fetch.status(NAME, data_dir) == "missing"


def test_a_prompt_with_its_control_tokens_is_refused_by_code(listed):
    spec = factory.prompt_spec(model=NAME)
    problems = check(Challenge.model_validate(spec), PromptPayload(instructions="Say <|endoftext|> now."), len)
    assert [problem.code for problem in problems] == ["special_token"]
