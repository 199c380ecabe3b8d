"""A chat with a real runner, a tiny model and adapters that a worker has trained."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.files.storage import storages
from pytest_django.fixtures import Settings

from challenges.characters import cleaned
from challenges.jobs import StoredFile
from challenges.models.base_models import data_dir
from challenges.models.chat_templates import template_of
from challenges.reading import read_course
from graders.base import Generated
from gradus.chats import services as chats
from gradus.chats.models import ChatMessage
from gradus.courses import bundles
from gradus.courses.models import Course
from gradus.courses.services import publish
from gradus.fleet.jobs import job_of
from gradus.reconciling import reconciler
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Event, Run, Slot, Submission
from gradus.submissions.states import MAX_ATTEMPTS
from tests import factories
from tests.challenges.factory import write_course, write_yaml
from tests.workers import oracle, tiny
from tests.workers.sandbox.test_runner import Settled
from tests.workers.test_work import TRIAL, TableRunner
from workers import status
from workers.engine import models
from workers.grading.assignments import _unpack
from workers.grading.chats import WrittenTokens, cut, plain_prompt
from workers.sandbox.supervisor import Runner, RunnerDied
from workers.transport.beside import Beside
from workers.work import Worker

pytestmark = pytest.mark.django_db
MODEL = "smollm2-135m-instruct"
# In ChatML, with a default system message, as many models have it.
TEMPLATE = (
    "{% for message in messages %}{% if loop.first %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TICKETS = [{"input": f"My {thing} is broken", "output": '{"priority": "low", "summary": "it"}'} for thing in "abcd"]
TICKET = {"kind": "tune", "rows": TICKETS, "hyperparameters": {"r": 8, "num_train_epochs": 2, "learning_rate": 0.002}}

# The tiny model is sure of the other label.
SKIES = [{"input": f"I saw a {thing} today", "output": "sky"} for thing in ("gull", "kite", "crane", "moon")]
SKY = {**TICKET, "rows": SKIES * 4, "hyperparameters": {"learning_rate": 0.002, "num_train_epochs": 4, "r": 16}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose built-in model is the tiny one, with a chat template."""
    made = tmp_path_factory.mktemp("data")
    tiny.build(made / "models", name=MODEL)
    (made / "models" / MODEL / "chat_template.jinja").write_text(TEMPLATE)
    return made


@pytest.fixture(scope="module")
def runner(folder: Path) -> Any:
    made = Runner(threads=1, models_dir=folder / "models", device="cpu", dtype="float32", choices=Settled())
    yield made
    made.close()


@pytest.fixture(autouse=True)
def model_is_here(model_is_here: None, monkeypatch: pytest.MonkeyPatch, folder: Path, settings: Settings) -> None:
    # The thread of a heartbeat cannot see rows of a test's transaction, and would stop a job on a slow machine.
    settings.HEARTBEAT_SECONDS = 3600
    monkeypatch.setenv("GRADUS_DATA_DIR", str(folder))


@pytest.fixture
def roomy(db: None, tmp_path: Path) -> Course:
    """The tiny course with room for long rows: the tiny model's tokens are short."""
    root = write_course(tmp_path / "tiny")
    for slug in ("sea-or-sky", "ticket"):
        file = root / "first" / slug / "challenge.yaml"
        spec = yaml.safe_load(file.read_text())
        write_yaml(file, {**spec, "tune": {**spec["tune"], "row_tokens_max": 256}})
    return publish(read_course(root))


def graded(runner: Any, user: Any, slug: str, payload: dict[str, Any]) -> Submission:
    made = factories.submit(user, slug, payload)
    assert Worker(made.current.lane, runner=runner).step()
    assert made.current.state == "scored" and made.current.artifact, made.current.error_code
    return Submission.objects.get(pk=made.pk)


def answers(runner: Any, submission: Submission, text: str, style: str = "challenge") -> dict[str, Any]:
    message = chats.send(submission, text, style)
    assert Worker("interactive", runner=runner).step()
    evaluation = message.run.current
    assert evaluation.state == "scored", evaluation.error_code
    found: dict[str, Any] = evaluation.result["chat"]
    return {"prompt": found["prompt"], **found["answers"]}


def rows_of(submission: Submission) -> list[tuple[str, dict[str, Any]]]:
    """The input of each graded row, public and hidden, with what came of it."""
    evaluation = submission.current
    with storages["private"].open(evaluation.raw) as file:
        hidden = json.load(file)["hidden"]
    rows = {row["id"]: row for row in (*evaluation.result["public"]["rows"], *hidden)}
    bundle = bundles.load(submission.version)
    return [(sample.input, rows[sample.id]) for sample in (*bundle.public[:1], *bundle.hidden[:1])]


def test_written_answers_are_those_of_grading_and_of_the_base(
    ada: Any, roomy: Course, runner: Any, folder: Path
) -> None:
    submission = graded(runner, ada, "ticket", TICKET)
    base = models.load(folder / "models" / MODEL)
    plain = oracle.plain(folder / "models" / MODEL)
    for text, row in rows_of(submission):
        found = answers(runner, submission, text)
        assert found["trained"]["text"] == cleaned(row["output"])
        written = cleaned(base.decode(oracle.greedy(plain, base, found["prompt"], 64)))
        # It ends after the JSON object, if there is one.
        assert found["base"]["text"] and written.strip().startswith(found["base"]["text"])
        assert found["trained"]["text"] != found["base"]["text"]
        assert found["prompt"] == f"Mail: {text}\nTicket:"
        for answer in (found["base"], found["trained"]):
            whole = "".join(piece for piece, _, _ in answer["tokens"])
            assert whole and whole.strip() == answer["text"].rstrip("\ufffd").strip()
            for _, share, rivals in answer["tokens"]:
                # Greedy: what was written is the likeliest, unless two tied.
                assert share == pytest.approx(rivals[0][1], abs=2e-3) and len(rivals) == 4


def test_scored_answers_are_those_of_grading_and_of_the_base(ada: Any, roomy: Course, runner: Any) -> None:
    submission = graded(runner, ada, "sea-or-sky", SKY)
    trial = services.start_run(ada, submission.version, {"kind": "prompt"})
    assert Worker("interactive", runner=runner).step()
    by_base = {row["id"]: row for row in trial.current.result["public"]["rows"]}
    for text, row in rows_of(submission):
        found = answers(runner, submission, text)
        assert found["trained"]["text"] == row["output"]
        assert found["trained"]["probabilities"] == row["probabilities"] != found["base"]["probabilities"]
        if row["id"] in by_base:
            assert found["base"]["probabilities"] == by_base[row["id"]]["probabilities"]


def test_no_adapter_reaches_another_learners_answer_or_the_base(ada: Any, bob: Any, roomy: Course, runner: Any) -> None:
    other = {**TICKET, "rows": [{**row, "output": '{"priority": "high", "summary": "sink"}'} for row in TICKETS]}
    ours, theirs = graded(runner, ada, "ticket", TICKET), graded(runner, bob, "ticket", other)
    text = "My anchor is lost"
    first = answers(runner, ours, text, "plain")
    second = answers(runner, theirs, text, "plain")
    again = answers(runner, ours, text, "plain")
    fresh = Runner(threads=1, models_dir=runner._models_dir, device="cpu", dtype="float32", choices=Settled())
    try:
        alone = answers(fresh, theirs, text, "plain")
    finally:
        fresh.close()
    said = [one["trained"]["tokens"] for one in (first, second, again, alone)]
    assert said[0] == said[2] != said[1] == said[3]
    base = [one["base"]["tokens"] for one in (first, second, again, alone)]
    assert base[0] == base[1] == base[2] == base[3] and base[0] not in (said[0], said[1])
    assert first["prompt"].endswith(f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n")


def test_another_persons_model_is_never_asked(ada: Any, bob: Any, roomy: Course, runner: Any) -> None:
    """Even if a fault of the site had queued it."""
    theirs = graded(runner, bob, "ticket", TICKET)
    message = chats.send(theirs, "Hello", "plain")
    Run.objects.filter(pk=message.run_id).update(user=ada)
    assert Worker("interactive", runner=runner).step()
    assert (message.run.current.state, message.run.current.error_code) == ("failed", "adapter_missing")


class Writer(TableRunner):
    """Reports tokens as a runner does, and stops after `dies` of them."""

    def __init__(self, tokens: list[Any], dies: bool = False) -> None:
        super().__init__()
        self.tokens, self.dies = tokens, dies

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        if item.stage == TRIAL:
            return super().run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)
        for at, token in enumerate(self.tokens):
            on_event({"type": "tokens", "at": at, "tokens": [token]})
        if self.dies:
            raise RunnerDied
        return Generated(["".join(one[0] for one in self.tokens)], [9], [len(self.tokens)], 0.1)


def adapted(user: Any, slug: str = "ticket") -> Submission:
    """A graded attempt whose adapter is there."""
    made = factories.submit(user, slug, {**factories.LORA, "rows": TICKETS})
    factories.grade(made, artifact=factories.adapter_zip())
    return Submission.objects.get(pk=made.pk)


HELLO = [["Hel", 0.5, [["Hel", 0.5], ["", 0.1]]], ["lo", 1.0, [["lo", 1.0]]]]


def test_what_is_written_is_streamed_and_kept(ada: Any, ticket: Any) -> None:
    message = chats.send(adapted(ada), "Hi", "plain")
    assert Worker("interactive", runner=Writer(HELLO)).step()  # type: ignore[arg-type]
    events = Event.objects.filter(evaluation=message.run.current, type="written").values_list("data", flat=True)
    last = {data["stage"]: data["tokens"] for data in events}
    assert last == {"base": ["Hel", "lo"], "trained": ["Hel", "lo"]}
    found = message.run.current.result["chat"]["answers"]
    assert found["trained"]["tokens"] == HELLO and found["base"]["text"] == "Hello"


def test_tokens_end_with_the_answer_and_those_that_no_engine_reports_are_left_out() -> None:
    tokens = [("Hel", 0.5, []), ("lo", 1.0, [])]
    kept = {"Hello": ["Hel", "lo"], "Hell": ["Hel", "l"], "Hel": ["Hel"], "": [], "other": []}
    assert {text: [piece for piece, _, _ in cut(tokens, text)] for text in kept} == kept  # type: ignore[arg-type]
    for at, wrong in (
        *((5, HELLO), (-1, HELLO), (0, [["x", 7.0, []]]), (0, [["x" * 999, 0.1, []]])),
        *((0, "x"), (0, HELLO * 100)),
    ):
        assert WrittenTokens().read({"type": "tokens", "at": at, "tokens": wrong}) is None, wrong


def test_a_runner_that_dies_is_tried_again_and_then_told(ada: Any, ticket: Any) -> None:
    message = chats.send(adapted(ada), "Hi", "plain")
    for _ in range(MAX_ATTEMPTS):
        Evaluation.objects.update(available_at=message.run.created_at)
        assert Worker("interactive", runner=Writer(HELLO, dies=True)).step()  # type: ignore[arg-type]
    reconciler.fail_exhausted()
    assert (message.run.current.state, message.run.current.error_code) == ("failed", "worker_lost")
    assert not Slot.objects.of(limits.OPEN_RUNS).exists()


def test_a_worker_without_the_model_puts_it_back(ada: Any, ticket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    message = chats.send(adapted(ada), "Hi", "plain")
    monkeypatch.setattr(status, "digests", lambda: {"another": "d" * 64})
    assert Worker("interactive", runner=Writer(HELLO)).step()  # type: ignore[arg-type]
    assert message.run.current.state == "queued" and message.run.current.attempt == 0
    services.cancel_run(message.run)
    assert not Slot.objects.of(limits.OPEN_RUNS).exists()


@pytest.mark.parametrize("damage", ["gone", "no zip"])
def test_an_adapter_that_is_gone_is_told(ada: Any, ticket: Any, damage: str) -> None:
    submission = adapted(ada)
    message = chats.send(submission, "Hi", "plain")
    store, name = storages["artifacts"], submission.current.artifact
    store.delete(name)
    if damage == "no zip":
        store.save(name, io.BytesIO(b"not a zip"))
    assert Worker("interactive", runner=Writer(HELLO)).step()  # type: ignore[arg-type]
    assert (message.run.current.state, message.run.current.error_code) == ("failed", "adapter_missing")


def test_only_the_files_of_an_adapter_leave_the_zip(ada: Any, ticket: Any, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in ("adapter_config.json", "../evil", "README.md", "train.py"):
            archive.writestr(name, "x")
    given = tmp_path / "given"
    given.mkdir()
    job = job_of(chats.send(adapted(ada), "Hi", "plain").run.current)
    stored = storages["artifacts"].save("9/9/adapter.zip", io.BytesIO(buffer.getvalue()))
    _unpack(replace(job, files=(StoredFile("artifacts", stored),)), Beside(), given)
    assert [path.name for path in given.iterdir()] == ["adapter_config.json"]


def test_the_chat_template_is_filled_as_transformers_fills_it(built_in_folder: Path, monkeypatch: Any) -> None:
    from transformers import AutoTokenizer

    monkeypatch.setenv("GRADUS_DATA_DIR", str(built_in_folder.parent.parent))
    assert data_dir() == built_in_folder.parent.parent and template_of(MODEL)
    tokenizer = AutoTokenizer.from_pretrained(built_in_folder)
    for text in ("Hello", "{{ messages }}", "a\n\nb {% raw %}", "<b>&amp;"):
        said = [{"role": "user", "content": text}]
        whole = tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        assert plain_prompt(MODEL, text) == whole
    assert ChatMessage.objects.count() == 0
