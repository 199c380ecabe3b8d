"""What the site says about a form, a payload, a row or a job is marked, wherever in the packages it is written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import RequestFactory

from challenges import metrics, shown_score, training_methods
from challenges.files.rows import RowLimits, read_train
from challenges.kinds import registry as kinds
from challenges.kinds.rag_keys import rag
from challenges.kinds.tune_keys import TuneKeys
from challenges.lesson import demo as lesson_demo
from challenges.lesson.spec import Demo
from challenges.spec import Challenge as Spec
from challenges.translation import translated
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.learn import forms
from gradus.learn.form_problems import Problem
from gradus.learn.kind_pages import page_of
from gradus.submissions import services
from gradus.submissions.models import Evaluation, WorkerStatus
from gradus.submissions.services import Refused, payload
from gradus.submissions.states import CODES
from tests import factories
from tests.challenges.kinds.rag_bundle import rag_bundle
from tests.learn.test_problems import CASES, LORA, PROMPT
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo")
ROW = {"input": "a crab", "output": "sea"}


def plain(*texts: object) -> list[str]:
    """The parts of texts that are not marked."""
    return [found for text in texts if text for found in unmarked(f"<main><p>{text}</p></main>")]


def problems(slug: str, form: dict[str, Any]) -> list[Problem]:
    """What the page of a challenge says about a form."""
    spec = factories.challenge(slug).spec
    draft = forms.from_request(spec, RequestFactory().post("/", form))
    with pytest.raises(Refused) as refused:
        payload.parse(spec, forms.payload_of(spec, draft))
    assert plain(refused.value.message) == []
    return forms.problems_of(refused.value, spec, draft)


def rows(*found: dict[str, str]) -> str:
    return "\n".join(map(json.dumps, found))


FORMS = [
    *((slug, form) for slug, form, _, _ in CASES),
    ("sea-or-sky", {**PROMPT, "template": "{output} {input}"}),
    ("sea-or-sky", {**PROMPT, "instructions": "a\x07b"}),
    ("sea-or-sky", {**PROMPT, "instructions": "a\u200bb"}),
    ("sea-or-sky", {**PROMPT, "label_word": ["same", "same"]}),
    ("sea-or-sky", {**PROMPT, "example_input": ["a crab"] * 65, "example_output": ["sea"] * 65}),
    ("sea-or-sky", {**PROMPT, "example_input": ["a crab"] * 20, "example_output": ["sea"] * 20}),
    ("sea-or-sky", {**PROMPT, "example_input": ["x" * 8190], "example_output": ["sea"]}),
    ("sea-or-sky", {**PROMPT, "example_input": ["x" * 8000] * 3, "example_output": ["sea"] * 3}),
    ("sea-or-sky", {**PROMPT, "example_input": [" "], "example_output": ["sea"]}),
    ("sea-or-sky", {**LORA, "rows": ""}),
    ("sea-or-sky", {**LORA, "rows": rows(*[ROW] * 501)}),
    ("sea-or-sky", {**LORA, "rows": rows({**ROW, "output": "<|im_end|>"})}),
    ("sea-or-sky", {**LORA, "learning_rate": ""}),
    ("sea-or-sky", {**LORA, "learning_rate": "0.05"}),
    ("sea-or-sky", {**LORA, "learning_rate": "7"}),
    ("sea-or-sky", {**LORA, "r": "5"}),
    ("sea-or-sky", {**LORA, "num_train_epochs": "99"}),
    ("explain", {"kind": "free_text", "answer": " "}),
    ("explain", {"kind": "free_text", "answer": "one"}),
    ("explain", {"kind": "free_text", "answer": "word " * 9000}),
    ("explain", {"kind": "free_text", "answer": "a\ufffd b c d e f"}),
]


@pytest.mark.parametrize(("slug", "form"), FORMS)
def test_what_is_wrong_with_a_form(course: object, slug: str, form: dict[str, Any]) -> None:
    found = problems(slug, form)
    assert found
    for problem in found:
        assert plain(problem.field, problem.message, problem.fix) == []


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "poem"},
        {"kind": "free_text", "answer": "Four words are here."},
        {"kind": "prompt", "instructions": 3, "examples": 3, "example": "x" * 2001, "label_words": 3, "colour": "blue"},
        {"kind": "prompt", "examples": [[], {"input": "a"}]},
        {"kind": "prompt", "label_words": {"mud": "m"}},
        {"kind": "tune", "rows": [], "hyperparameters": {"r": 5, "learning_rate": float("nan"), "num_train_epochs": 0}},
        {"kind": "tune", "rows": [ROW] * 2001, "hyperparameters": {"learning_rate": "x", "num_train_epochs": 1.5}},
        {"kind": "tune", "rows": [ROW], "hyperparameters": {"learning_rate": 0.0, "num_train_epochs": 21}},
    ],
)
def test_what_is_wrong_with_a_payload(sea_or_sky: Challenge, data: dict[str, Any]) -> None:
    with pytest.raises(Refused) as refused:
        payload.parse(sea_or_sky.spec, data)
    assert refused.value.problems
    assert plain(refused.value.message, *(problem["message"] for problem in refused.value.problems)) == []


LINES = [
    b"\xef\xbb\xbf{}",
    b"\xff",
    b"[" * 60,
    b"{",
    b"9" * 5000,
    b"[]",
    b'{"a": 1, "a": 2}',
    b'{"input": NaN}',
    b'{"input": "\\u0000"}',
    b"{}",
    b'{"input": 3, "output": 4}',
    b'{"input": " ", "output": "a"}',
    b'{"messages": [{"role": "system", "content": "x"}]}',
    b'{"messages": []}',
    b'{"prompt": "a", "chosen": "b"}',
    b'{"prompt": " ", "chosen": "b", "rejected": "c"}',
    b"x" * 9000,
    b"{}\n" * 200,
]


PASSAGE = {"passages": "You can borrow 15 books.", "input": "How many books?", "output": "15"}


@pytest.mark.parametrize(
    "changes",
    [
        {"chunk_words": 5},
        {"chunk_words": 1.5, "overlap": 1.0, "min_score": 2.0, "method": "magic"},
        {"overlap": 0.95},
        {"method": "both"},
        {"example": "{input}{output}"},
        {"example": "{input}{output}{passages}"},
        {"examples": [{**PASSAGE, "passages": " "}]},
        {"examples": [PASSAGE] * 20},
        {"instructions": "x" * 3000},
        {"instructions": "many words " * 150},
        {"chunk_words": 80, "top_k": 1},
        {"chunk_words": 80, "top_k": 3},
    ],
)
def test_what_is_wrong_with_a_retrieval(changes: dict[str, Any]) -> None:
    keys = rag(rag_bundle().challenge)
    words = keys.retrieval.model_copy(update={"method": ("words",)})
    tight = keys.model_copy(update={"retrieval": words, "passage_tokens_max": 20})
    spec = rag_bundle().challenge.with_keys("rag", tight)
    said = refused(spec, {"kind": "rag", **changes})
    assert said and plain(*said) == []


PREFERENCE = {"prompt": "a", "chosen": "b", "rejected": "c"}
DPO = {"methods": ["dpo"], "rows": "preferences"}


@pytest.mark.parametrize(
    ("section", "data"),
    [
        ({"methods": ["lora"]}, {"method": "full", "rows": [ROW]}),
        (DPO, {"method": "dpo", "rows": [ROW]}),
        ({}, {"rows": [PREFERENCE]}),
        (DPO, {"method": "dpo", "rows": [PREFERENCE | {"rejected": "b "}]}),
        (DPO, {"method": "dpo", "rows": [PREFERENCE | {"rejected": " "}]}),
        (DPO, {"method": "dpo", "rows": [PREFERENCE | {"chosen": "b" * 8190}]}),
        ({}, {"rows": [ROW], "hyperparameters": {"beta": 0.1}}),
        ({}, {"rows": [ROW], "method": "rlhf"}),
    ],
)
def test_what_is_wrong_with_a_method(sea_or_sky: Challenge, section: dict[str, Any], data: dict[str, Any]) -> None:
    spec = sea_or_sky.spec.with_keys("tune", TuneKeys.model_validate({"tune": section}))
    said = refused(spec, {"kind": "tune", **data})
    assert said and plain(*said) == []


def refused(spec: Spec, data: dict[str, Any]) -> list[str]:
    """What is said about a payload."""
    with pytest.raises(Refused) as refusal:
        payload.parse(spec, data)
    return [refusal.value.message, *(problem["message"] for problem in refusal.value.problems)]


@pytest.mark.parametrize("lacking", training_methods.LACKS)
def test_what_a_worker_lacks(sea_or_sky: Challenge, ada: User, lacking: str) -> None:
    stored = lacking % dict.fromkeys(("system", "device", "size", "most", "room"), "7")
    WorkerStatus.objects.create(name="one", lane="train", lacks={f"lora/{sea_or_sky.spec.model}": stored})
    with pytest.raises(Refused) as refusal:
        services.submit(ada, sea_or_sky, factories.LORA, idempotency_key="a")
    assert plain(refusal.value.message, *(problem["message"] for problem in refusal.value.problems)) == []


@pytest.mark.parametrize("lines", LINES)
def test_what_is_wrong_with_a_line(lines: bytes) -> None:
    found = read_train(lines)[1]
    assert found and [plain(problem.what, problem.fix) for problem in found if plain(problem.what, problem.fix)] == []


def test_what_is_wrong_with_a_file() -> None:
    for limits in (RowLimits(bytes_max=1), RowLimits(rows_max=1)):
        (found,) = read_train(f"{json.dumps(ROW)}\n".encode() * 2, limits)[1]
        assert plain(found.what, found.fix) == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_how_a_job_has_ended(code: str) -> None:
    message = Evaluation(error_code=code).message
    assert message and plain(message) == []


def test_what_cannot_be_done(sea_or_sky: Challenge, ada: User, settings: Any) -> None:
    data = factories.PROMPT
    settings.IN_FLIGHT = 1
    first, _ = services.submit(ada, sea_or_sky, data, idempotency_key="a")
    asked = [
        lambda: services.submit(ada, sea_or_sky, data, idempotency_key="b"),
        lambda: services.submit(ada, sea_or_sky, {**data, "instructions": "Else"}, idempotency_key="a"),
        lambda: services.submit(ada, sea_or_sky, data, idempotency_key=""),
        lambda: [services.start_run(ada, sea_or_sky.version, data) for _ in range(7)],
        lambda: services.name_run(services.start_run(None, sea_or_sky.version, data), "x" * 61),
        lambda: services.name_run(services.start_run(None, sea_or_sky.version, data), "a\x07b"),
        lambda: [services.cancel(first) for _ in range(2)],
        lambda: [factories.grade(factories.submit(ada), 0.1) for _ in range(99)],
    ]
    for act in asked:
        with pytest.raises(Refused) as refused:
            act()
        assert plain(refused.value.message, *(problem["message"] for problem in refused.value.problems)) == []


def test_what_a_guest_cannot_do(sea_or_sky: Challenge, settings: Any) -> None:
    settings.GUEST_SUBMISSIONS = 0
    guest = User.objects.create_guest()
    with pytest.raises(Refused) as refused:
        services.submit(guest, sea_or_sky, factories.PROMPT, idempotency_key="a")
    assert refused.value.code == "guest_limit" and plain(refused.value.message) == []


def test_how_kinds_and_metrics_are_called() -> None:
    for kind in kinds.every():
        names = [kind.title, kind.noun, kind.run_label, *kind.approaches.values()]
        assert plain(*map(translated, names)) == []
    assert plain(*map(metrics.title, metrics.BUILT_IN)) == []
    assert plain(shown_score.counted(shown_score.MARKS), *map(translated, shown_score.WORDS.values())) == []


@pytest.mark.parametrize("data", [factories.PROMPT, factories.LORA, factories.FREE_TEXT])
def test_how_the_parts_of_a_payload_are_called(data: dict[str, Any]) -> None:
    found = page_of(data["kind"]).describe({**data, "label_words": {"sea": "water"}})
    assert found and plain(*found) == []


@pytest.mark.parametrize("shares", [{"sea": 0.5, "sky": 0.5}, {"sea": 0.97, "sky": 0.03}])
def test_what_a_panel_of_the_demo_says(shares: dict[str, float]) -> None:
    demo = Demo.model_validate(
        {
            "title": "T",
            "challenge": "c",
            "explanation": "e",
            "chips": ["c"],
            "zero_shot": "z",
            "few_shot": "f",
            "adapter": "a",
        }
    )
    for panel in lesson_demo.PANELS:
        said = lesson_demo.said(demo, panel, shares)
        assert plain(said.note, said.answer if said.is_unsure else "") == []
