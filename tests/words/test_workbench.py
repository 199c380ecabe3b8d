"""The pages of a challenge are marked in the states that a learner's work passes through, not only in the usual one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses.models import Challenge, Course
from gradus.learn.kinds.tune import draft, views
from gradus.submissions.models import Event, Run
from gradus.submissions.services import start_run
from tests import factories
from tests.learn.result.test_fields import PARTLY, RIGHT, WRONG, result_of
from tests.learn.test_problems import CASES
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo")
HTMX = {"HX-Request": "true"}
ROWS = '{"input": "My anchor is lost", "output": "{\\"priority\\": \\"low\\", \\"summary\\": \\"lost anchor\\"}"}\n'
"""One training row that the challenge `ticket` takes."""
KNOBS = {
    "r": "8",
    "lora_alpha": "16",
    "learning_rate": "0.001",
    "num_train_epochs": "3",
    "per_device_train_batch_size": "8",
}
TRAINED = {
    "steps": 3,
    "seconds": 200.0,
    "tokens": 12000,
    "train_loss": 0.5,
    "valid_loss": 1.0,
    "trainable_share": 0.01,
    "adapter_bytes": 900000,
}
TRAINING = {"kind": "tune", "key": "k", "instructions": "", "rows": "", **KNOBS}


@pytest.fixture
def learner(pseudo: str, ada_client: Client) -> Client:
    return ada_client


@pytest.fixture(autouse=True)
def a_token_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokenizer's file may not be here."""
    for module in (draft, views):
        monkeypatch.setattr(module, "counter", lambda challenge: lambda text: len(text.split()))


def plain(client: Client, path: str) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == 200
    return unmarked(answer.content.decode())


def posted(client: Client, path: str, data: dict[str, object], status: int = 200, **headers: str) -> list[str]:
    """The unmarked texts of the learner's side of the page, or of the fragment that is the answer."""
    answer = client.post(path, data, headers=headers)
    assert answer.status_code == status
    html = answer.content.decode()
    work = html[html.index('<section class="bench-work"') : html.index("</main>")] if "</main>" in html else html
    return unmarked(f"<main>{work}</main>")


def trial(user: User, challenge: Challenge, result: Callable[[Run], dict[str, object]], **payload: object) -> Run:
    made = start_run(user, challenge.version, {**factories.PROMPT, **payload} if "kind" not in payload else payload)
    factories.grade(made, result=result(made))
    return made


def test_rows_that_are_partly_right_and_what_changed_since_the_run_before(
    learner: Client, ada: User, ticket: Challenge
) -> None:
    own = [{"input": ticket.version.samples[0].input, "output": "{}"}]
    trial(ada, ticket, lambda run: result_of(run, RIGHT, PARTLY, WRONG, WRONG, PARTLY, RIGHT))
    after = trial(ada, ticket, lambda run: result_of(run, RIGHT, WRONG, PARTLY, RIGHT, PARTLY, PARTLY), examples=own)
    assert plain(learner, f"/runs/{after.uuid}/") == []


def test_a_run_that_changed_nothing_and_one_that_was_cancelled(
    learner: Client, ada: User, sea_or_sky: Challenge
) -> None:
    trial(ada, sea_or_sky, factories.result_for)
    same = trial(ada, sea_or_sky, factories.result_for)
    assert plain(learner, f"/runs/{same.uuid}/") == []
    waiting = start_run(ada, sea_or_sky.version, factories.PROMPT)
    assert posted(learner, f"/runs/{waiting.uuid}/cancel", {}, **HTMX) == []


def test_a_training_run_with_its_losses(learner: Client, ada: User, sea_or_sky: Challenge) -> None:
    run = trial(ada, sea_or_sky, lambda run: {**factories.result_for(run), "training": TRAINED}, **factories.LORA)
    losses = [{"step": step, "train_loss": 1.0, "valid_loss": valid} for step, valid in ((1, 2.0), (2, 1.0), (3, 1.4))]
    Event.objects.bulk_create(
        Event(evaluation=run.current, seq=100 + n, type="loss", data=loss) for n, loss in enumerate(losses)
    )
    assert plain(learner, f"/runs/{run.uuid}/") == []


def test_the_history(learner: Client, ada: User, sea_or_sky: Challenge) -> None:
    run = trial(ada, sea_or_sky, factories.result_for)
    trial(ada, sea_or_sky, factories.result_for)
    assert posted(learner, f"/runs/{run.uuid}/name", {"name": "My best one"}, **HTMX) == []
    assert plain(learner, f"/runs/{run.uuid}/") == []
    fragment = learner.get("/challenges/sea-or-sky/history", {"pick": "two"}).content.decode()
    assert unmarked(f"<main>{fragment}</main>") == []


def test_hints(learner: Client, sea_or_sky: Challenge) -> None:
    for _hint in sea_or_sky.spec.hints:
        assert posted(learner, "/challenges/sea-or-sky/hint", {}, **HTMX) == []


def test_starter_rows_and_the_check_of_rows(learner: Client, sea_or_sky: Challenge) -> None:
    starter_rows, check = "/challenges/ticket/starter", "/challenges/ticket/dataset-check"
    assert posted(learner, starter_rows, {**TRAINING, "num_train_epochs": "9"}) == []
    assert posted(learner, starter_rows, {**TRAINING, "rows": ROWS}) == []
    assert posted(learner, starter_rows, {**TRAINING, "rows": ROWS, "replace": "1"}) == []
    assert posted(learner, check, {**TRAINING, "rows": ROWS * 2}, **HTMX) == []
    labels = '{"input": "a crab", "output": "sea"}\n{"input": "A crab!", "output": "sky"}\n'
    assert posted(learner, "/challenges/sea-or-sky/dataset-check", {**TRAINING, "rows": labels}, **HTMX) == []
    assert posted(learner, "/challenges/sea-or-sky/dataset-check", {**TRAINING, "rows": labels[:36]}, **HTMX) == []


@pytest.mark.parametrize(("slug", "form", "control", "words"), CASES)
def test_refused_forms(
    learner: Client, course: Course, slug: str, form: dict[str, object], control: str, words: str
) -> None:
    assert posted(learner, f"/challenges/{slug}/run", form, 422) == []
    assert posted(learner, f"/challenges/{slug}/run", form, 422, **HTMX) == []
