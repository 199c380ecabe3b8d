"""The pages of retrievals and of training methods are marked: their forms, what is refused there, and their results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from challenges.reading import read_challenge
from challenges.training_methods import NOT_INSTALLED
from gradus.accounts.models import User
from gradus.courses.services import publish
from gradus.learn.kinds.tune import views
from gradus.submissions.models import Event, WorkerStatus
from gradus.submissions.services import Outcome, record
from tests import factories
from tests.challenges import factory
from tests.challenges.kinds.rag_bundle import rag_bundle
from tests.kinds.rag_engine import PAYLOAD
from tests.kinds.test_rag import form as retrieval
from tests.learn.kinds.test_methods import METHODS, ROWS
from tests.learn.kinds.test_methods import form as training
from tests.words.test_workbench import TRAINED, plain, posted
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo")
LIBRARY, TICKET = "/challenges/ask-the-library/", "/challenges/ticket/"
LOOK_UP = {
    "place": 2,
    "of": 12,
    "passages": [
        {"document": "loans", "text": "You can borrow 15 books.", "score": 0.75, "right": True, "used": True},
        {"document": "rooms", "text": "The lift takes eight people.", "score": 0.1, "right": False, "used": False},
    ],
}


@pytest.fixture
def learner(pseudo: str, ada_client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Opens a course with a retrieval, a challenge with every training method, and one that is answered with a text."""
    monkeypatch.setattr(views, "counter", lambda challenge: lambda text: len(text.split()))
    bundle = factories.tiny_bundle(tmp_path / "course")
    folder = factory.write_preference_challenge(tmp_path / "ticket", methods=METHODS)
    lesson = bundle.lessons[0]
    challenges = (rag_bundle(), read_challenge(folder), lesson.challenges[2])
    publish(replace(bundle, lessons=(replace(lesson, challenges=challenges),)))
    return ada_client


def test_a_retrieval_and_its_documents(learner: Client) -> None:
    assert plain(learner, LIBRARY) == []
    assert plain(learner, f"{LIBRARY}documents/") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_words": "many", "overlap": ""},
        {"chunk_words": "5", "overlap": "0.9", "method": "magic"},
        {"template": "{input}{output}"},
        {"example_passages": ["", ""]},
    ],
    ids=str,
)
def test_what_is_wrong_with_a_retrieval(learner: Client, changes: dict[str, Any]) -> None:
    assert posted(learner, f"{LIBRARY}submit", retrieval(**changes), 422) == []


def test_what_was_found(learner: Client, ada: User) -> None:
    made = factories.submit(ada, "ask-the-library", PAYLOAD)
    result = factories.result_for(made, wrong=2)
    result["public"]["metrics"] = {"token_f1": 0.5, "exact_match": 0.5, "hit_rate": 1.0, "mrr": 0.5}
    for row, found in zip(result["public"]["rows"], (LOOK_UP, {"place": None, "of": 12, "passages": []}), strict=False):
        row["look_up"] = found
    factories.grade(made, 0.5, result=result)
    assert plain(learner, f"/submissions/{made.uuid}/") == []


@pytest.mark.parametrize("method", METHODS)
def test_each_method_has_a_form_and_a_report(learner: Client, method: str) -> None:
    WorkerStatus.objects.create(name="one", lane="train", lacks={"qlora/smollm2-135m-instruct": NOT_INSTALLED})
    assert posted(learner, f"{TICKET}method", training(method)) == []
    html = learner.post(f"{TICKET}dataset-check", training(method), headers={"HX-Request": "true"}).content.decode()
    assert unmarked(f"<main>{html}</main>") == []


@pytest.mark.parametrize(
    "changes",
    [
        {"beta": "7"},
        {"method": "rlhf"},
        {"rows": [ROWS[0] | {"rejected": "sea"}]},
        {"rows": [{"input": "a", "output": "b"}]},
        {"rows": [{"prompt": "a", "chosen": "b"}]},
    ],
    ids=str,
)
def test_what_is_wrong_with_a_method(learner: Client, changes: dict[str, Any]) -> None:
    assert posted(learner, f"{TICKET}submit", training(**changes), 422) == []


@pytest.mark.parametrize("figures", [{}, {"valid_margin": 0.5, "valid_accuracy": 1.0}])
def test_how_the_preference_grew(learner: Client, ada: User, figures: dict[str, float]) -> None:
    made = factories.submit(ada, "ticket", {"kind": "tune", "method": "dpo", "rows": ROWS})
    evaluation = factories.claimed(made)
    loss = {"step": 1, "steps": 1, "train_loss": 0.6, "margin": 0.25, "accuracy": 0.75, **figures}
    Event.objects.create(evaluation=evaluation, seq=11, type="loss", data=loss)
    result = factories.result_for(made) | {"training": {**TRAINED, **figures}}
    record(evaluation.pk, evaluation.fence, Outcome(score=0.7, result=result))
    assert plain(learner, f"/submissions/{made.uuid}/") == []
