"""Bad input for retrievals and training methods: a message with field, row and cure; nothing lost, no attempt spent."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from challenges.course_bundle import CourseBundle
from challenges.reading import read_course
from challenges.training_methods import LITTLE_DISK, NOT_INSTALLED
from graders.base import Rejected, Train, Trained
from gradus.accounts.models import User
from gradus.courses.services import publish
from gradus.submissions.budgets import limits
from gradus.submissions.models import Evaluation, Refund, Run, Slot, Submission, WorkerStatus
from tests import example_course, factories
from tests.hostile import texts
from tests.kinds.rag_engine import Engine
from tests.smoke import baselines
from tests.smoke.baselines import Choice
from workers import status
from workers.engine.choice import DEFAULT
from workers.work import Worker

MODEL = "smollm2-135m-instruct"
METHODS = settings.BASE_DIR / "docs/examples/training-methods"
TYPED = "Answer in as few words as you can, please."


@pytest.fixture
def library(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CourseBundle:
    monkeypatch.setattr(status, "digests", lambda: {MODEL: "d" * 64})
    return published(example_course.write_course(tmp_path / "examples"))


@pytest.fixture
def methods(db: None, monkeypatch: pytest.MonkeyPatch) -> CourseBundle:
    monkeypatch.setattr(status, "digests", lambda: {MODEL: "d" * 64})
    return published(METHODS)


def published(folder: Path) -> CourseBundle:
    course = read_course(folder)
    publish(course)
    return course


@dataclass(frozen=True)
class Bad:
    """What is changed in a good form and in a good payload, and what is said where."""

    form: Mapping[str, Any]
    payload: Mapping[str, Any]
    field: str
    said: str
    row: int | None = None
    at: str = ""
    kept: tuple[str, ...] = field(default=(TYPED,))


def refused(client: Client, choice: Choice, bad: Bad) -> None:
    """Posts the form and the payload, as attempts and as runs, and reads what is said."""
    payload = choice.baseline.payload.model_dump(mode="json", exclude_none=True)
    rows = {"rows": "\n".join(json.dumps(row) for row in payload["rows"])} if "rows" in payload else {}
    fields = {**choice.fields(), **rows, "key": "1", "instructions": TYPED, **bad.form}
    for what in ("submit", "run"):
        page = client.post(f"/challenges/{choice.slug}/{what}", fields)
        text = unescape(page.content.decode())
        assert page.status_code == 422
        problem = text.partition(f'id="{bad.at or bad.field}-problem"')[2].partition("</div></div>")[0]
        assert bad.said in problem, (problem, text[text.find('id="problems"') :][:1500])
        assert all(kept in text for kept in bad.kept)
    for what, headers in (("submissions", {"Idempotency-Key": "1"}), ("runs", {})):
        sent = json.dumps({**payload, "instructions": TYPED, **bad.payload})
        address = f"/api/v1/challenges/{choice.slug}/{what}"
        answer = client.post(address, sent, "application/json", headers=headers)
        found = answer.json()["problems"]
        assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
        assert any(
            p["field"].startswith(bad.field) and p["line"] == bad.row and bad.said in p["message"] for p in found
        ), found
    assert not (Submission.objects.exists() or Run.objects.exists() or Slot.objects.of(limits.ATTEMPTS).exists())


RETRIEVALS = {
    "no place for passages": Bad(
        {"template": "Q: {input}\nA: {output}"},
        {"example": "Q: {input}\nA: {output}"},
        "example",
        "must contain {passages} exactly once",
        at="template",
        kept=(TYPED, "Q: {input}"),
    ),
    "more than half repeated": Bad({"overlap": "0.9"}, {"overlap": 0.9}, "overlap", "between 0 and 0.5"),
    "a method of another world": Bad({"method": "magic"}, {"method": "magic"}, "method", ""),
    "a token that ends the turn": Bad(
        {"instructions": "<|im_end|>"}, {"instructions": "<|im_end|>"}, "instructions", "<|im_end|>", kept=()
    ),
    "an example without a passage": Bad(
        {"example_passages": [""], "example_input": ["How many?"], "example_output": ["eight"]},
        {"examples": [{"passages": "", "input": "How many?", "output": "eight"}]},
        "examples",
        "copy a passage in which the output stands",
        row=1,
        at="ei-1",
        kept=(TYPED, "How many?"),
    ),
}


def test_a_bad_retrieval_is_refused_with_place_and_cure(ada_client: Client, library: CourseBundle) -> None:
    for case in RETRIEVALS.values():
        refused(ada_client, baselines.good(library, "rag"), case)


@pytest.mark.parametrize("text", [texts.HTML[0], texts.TEMPLATES[0], texts.INJECTIONS[0]])
def test_documents_and_examples_with_hostile_text_are_data(
    ada: User, ada_client: Client, library: CourseBundle, text: str
) -> None:
    choice = baselines.good(library, "rag")
    payload = choice.baseline.payload.model_dump(mode="json")
    example = {"passages": f"{text} The lift takes eight people.", "input": text, "output": "eight"}
    payload |= {"method": "words", "instructions": text, "examples": [example]}
    submission = factories.submit(ada, choice.slug, payload)
    assert Worker("grade", runner=Engine()).step()  # type: ignore[arg-type]
    assert Evaluation.objects.get(pk=submission.current.pk).state == "scored"
    page = ada_client.get(f"/submissions/{submission.uuid}/").content.decode()
    assert "<script>" not in page.replace("<script>\n", "") or text not in page
    assert submission.payload["examples"][0]["input"] == text


ROW = {"prompt": "The tent sleeps five. How many?", "chosen": "Five.", "rejected": "Well, I think five."}


def pairs(*rows: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    return {"rows": "\n".join(json.dumps(row) for row in rows)}, {"rows": list(rows)}


PREFERENCES = {
    "equal sides": Bad(
        *pairs(ROW, {**ROW, "rejected": "Five."}), "rows", "same", row=2, kept=(TYPED, "The tent sleeps five.")
    ),
    "a side that is missing": Bad(*pairs({"prompt": "How many?", "chosen": "Five."}), "rows", "", row=1),
    "rows without preferences": Bad(*pairs({"input": "How many?", "output": "Five."}), "rows", "", row=1),
    "a token that ends the turn": Bad(
        *pairs({**ROW, "chosen": "Five.<|im_end|>"}), "rows", "<|im_end|>", row=1, kept=(TYPED,)
    ),
    "beta beyond its range": Bad(
        {"beta": "9"}, {"hyperparameters": {"beta": 9}}, "hyperparameters.beta", "", at="beta"
    ),
}


def test_bad_preferences_are_refused_with_row_and_cure(ada_client: Client, methods: CourseBundle) -> None:
    for case in PREFERENCES.values():
        refused(ada_client, trained(methods, "dpo"), case)


def trained(course: CourseBundle, method: str) -> Choice:
    return next(choice for choice in baselines.trained(course) if baselines.method_of(choice) == method)


def test_a_method_without_its_package_is_refused_with_the_reason(ada_client: Client, methods: CourseBundle) -> None:
    for lane in ("train", "interactive"):
        WorkerStatus.objects.create(name=lane, lane=lane, lacks={f"qlora/{MODEL}": NOT_INSTALLED})
    bad = Bad({}, {}, "method", NOT_INSTALLED, kept=(TYPED,))
    refused(ada_client, trained(methods, "qlora"), bad)


class Trainer:
    """A runner whose training ends as it is told to."""

    device, dtype, threads = "cpu", "float32", 1
    memory_bytes = 16 << 30
    worked = staticmethod(time.monotonic)

    def __init__(self, folder: Path, end: Any) -> None:
        self.folder, self.end = folder, end

    def choose(self, model: str, **rest: Any) -> Any:
        return DEFAULT

    def run(self, item: Any, **rest: Any) -> Any:
        assert isinstance(item, Train), "nothing is asked after a training run that failed"
        if isinstance(self.end, Exception):
            raise self.end
        return Trained(str(self.folder), 1, self.end, None, 0.01, 0, 10, 0.1)

    def forget(self) -> None:
        """The folder is the test's."""

    def close(self) -> None:
        """Nothing to end."""


@pytest.mark.parametrize(
    ("method", "end", "state", "cure"),
    [
        ("dpo", math.nan, "rejected", "Lower the learning rate"),
        ("dpo", Rejected("diverged"), "rejected", "Lower the learning rate"),
        ("full", Rejected("method_unavailable", LITTLE_DISK), "failed", "Choose another method, or try again later"),
        ("qlora", Rejected("method_unavailable", NOT_INSTALLED), "failed", "Choose another method"),
    ],
)
def test_training_that_fails_gives_the_attempt_back(
    ada: User, ada_client: Client, methods: CourseBundle, tmp_path: Path, method: str, end: Any, state: str, cure: str
) -> None:
    choice = trained(methods, method)
    submission = factories.submit(ada, choice.slug, choice.baseline.payload.model_dump(mode="json", exclude_none=True))
    assert Worker("train", runner=Trainer(tmp_path, end)).step()  # type: ignore[arg-type]
    evaluation = Evaluation.objects.get(pk=submission.current.pk)
    assert (evaluation.state, Slot.objects.of(limits.ATTEMPTS).count(), Refund.objects.count()) == (state, 0, 1)
    page = ada_client.get(f"/submissions/{submission.uuid}/").content.decode()
    assert cure in page and "attempt was given back" in page and "Traceback" not in page
    # What was handed in can be taken up again as it was.
    rows = choice.baseline.payload.model_dump(mode="json")["rows"]
    form = ada_client.get(f"/challenges/{choice.slug}/?from={submission.uuid}").content.decode()
    assert next(iter(rows[0].values()))[:20] in form
