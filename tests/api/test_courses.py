from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from gradus.accounts.models import User
from gradus.courses.models import Course, Lesson
from gradus.submissions.models import Run
from tests import factories
from tests.api.conftest import Caller, problem

ADVISOR: dict[str, Any] = {
    "approaches": [
        {"id": "prompting", "title": "Prompt engineering", "summary": "Say it.", "first_step": "Write it.", "start": 1},
        {"id": "rag", "title": "Retrieval", "summary": "Look up.", "first_step": "Index.", "cheaper": ["prompting"]},
    ],
    "questions": [
        {
            "id": "changes",
            "text": "How often does it change?",
            "choices": [
                {"id": "daily", "label": "Daily", "weights": {"rag": 3}, "because": {"rag": "Weights go stale."}},
                {"id": "never", "label": "Never"},
            ],
        }
    ],
}


@pytest.fixture
def advised(db: None, tmp_path: Path) -> Course:
    return factories.tiny_course(tmp_path / "tiny", advisor=ADVISOR)


def test_courses_are_listed_for_everybody(open_api: Caller, course: Course) -> None:
    (found,) = open_api.get("/courses").json()
    assert (found["id"], [lesson["id"] for lesson in found["lessons"]]) == ("tiny", ["first"])
    assert found["lessons"][0]["challenges"] == ["sea-or-sky", "ticket", "explain"]


def test_an_unpublished_course_is_not_there(open_api: Caller, course: Course) -> None:
    Course.objects.update(is_published=False)
    assert open_api.get("/courses").json() == []
    problem(open_api.get("/courses/tiny/path"), 404, "not_found")
    problem(open_api.get("/challenges/ticket"), 404, "not_found")
    problem(open_api.get("/challenges/ticket/leaderboard"), 404, "not_found")


def test_the_path_shows_my_progress(ada_api: Caller, open_api: Caller, ada: User, course: Course) -> None:
    factories.grade(factories.submit(ada), 0.7)
    mine, nobodys = ada_api.get("/courses/tiny/path").json(), open_api.get("/courses/tiny/path").json()
    first, second, _ = mine["lessons"][0]["challenges"]
    assert (first["id"], first["state"], first["score"]) == ("sea-or-sky", "passed", 0.7)
    assert (second["state"], mine["next"], mine["passed"], mine["total"]) == ("open", "ticket", 1, 3)
    assert (nobodys["next"], nobodys["passed"]) == ("sea-or-sky", 0)


def test_the_advisor_gives_reasons(open_api: Caller, advised: Course) -> None:
    body = open_api.post("/lessons/first/advisor", {"answers": {"changes": "daily"}}).json()
    assert body["recommended"][0]["id"] == "rag"
    assert [reason["text"] for reason in body["reasons"]] == ["Weights go stale."]
    assert [approach["id"] for approach in body["try_first"]] == ["prompting"]
    assert body["unanswered"] == []
    assert body["would_change"][0]["choice"] == "never" or body["would_change"][0]["choice"] == "Never"


def test_the_advisor_says_what_it_was_not_told(open_api: Caller, advised: Course) -> None:
    body = open_api.post("/lessons/first/advisor", {"answers": {"changes": "sometimes", "other": "x"}}).json()
    assert (body["recommended"][0]["id"], body["unanswered"]) == ("prompting", ["changes"])


def test_a_lesson_without_an_advisor(open_api: Caller, course: Course) -> None:
    problem(open_api.post("/lessons/first/advisor", {"answers": {}}), 404, "not_found")
    problem(open_api.post("/lessons/none/advisor", {"answers": {}}), 404, "not_found")


@pytest.fixture
def shown(db: None, tmp_path: Path) -> Course:
    """With a demo on `sea-or-sky`."""
    demo = {
        "title": "Sea or sky?",
        "challenge": "sea-or-sky",
        "notice": "Not advice about swimming.",
        "explanation": "Examples go into the weights.",
        "chips": ["a gull"],
        "input_chars": 40,
        "zero_shot": "demo/zero.yaml",
        "few_shot": "demo/few.yaml",
        "adapter": "demo/adapter",
    }
    course = factories.tiny_course(tmp_path / "tiny", demo=demo)
    digest = Lesson.objects.get().digest
    for name in ("zero", "few"):
        storages["private"].save(f"lessons/{digest}/demo/{name}.yaml", ContentFile(b"instructions: Sea or sky?\n"))
    return course


def test_the_demo_is_three_runs(ada_api: Caller, ada: User, shown: Course) -> None:
    response = ada_api.post("/lessons/first/demo", {"text": "  a gull\nover the bay "})
    assert response.status_code == 201
    body = response.json()
    assert [run["label"] for run in body["runs"]] == ["zero-shot", "few-shot", "fine-tuned"]
    assert body["notice"] == "Not advice about swimming."
    assert [run.inputs for run in Run.objects.all()] == [["a gull over the bay"]] * 3
    assert ada_api.get(f"/runs/{body['runs'][0]['uuid']}").json()["status"] == "queued"


def test_a_demo_text_that_is_too_long(ada_api: Caller, open_api: Caller, shown: Course) -> None:
    problem(ada_api.post("/lessons/first/demo", {"text": "x" * 41}), 422, "bad_text")
    problem(open_api.post("/lessons/first/demo", {"text": "x"}), 401, "unauthenticated")
    assert not Run.objects.exists()


def test_a_lesson_without_a_demo(ada_api: Caller, course: Course) -> None:
    problem(ada_api.post("/lessons/first/demo", {"text": "a gull"}), 404, "not_found")
