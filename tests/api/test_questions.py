import pytest

from gradus.accounts.models import User
from gradus.questions.models import Answer
from tests.api.conftest import Caller, problem
from tests.learn import scene

QUESTIONS = "/lessons/first/questions"


@pytest.fixture(autouse=True)
def lesson(db, tmp_path):
    return scene.scene_course(tmp_path / "scene").lessons.get()


def test_questions_are_listed_without_their_answers(open_api: Caller) -> None:
    found = open_api.get(QUESTIONS).json()
    assert [(one["id"], one["part"]) for one in found["questions"]] == [
        ("boats", "before"), ("clouds", "before"), ("water", "check"), ("ships", "after"), ("fog", "after"),
    ]  # fmt: skip
    assert found["gain"] is None
    shown = [option for one in found["questions"] for option in one["options"]]
    assert all(option["right"] is None and option["because"] is None for option in shown)


def test_an_answer_is_kept_and_explained(ada_api: Caller, ada: User) -> None:
    answer = ada_api.post(f"{QUESTIONS}/water", {"option": 2})
    assert answer.status_code == 200 and answer.json()["answer"] == 2
    assert [option["right"] for option in answer.json()["options"]] == [True, False, False]
    again = ada_api.post(f"{QUESTIONS}/water", {"option": 0})
    assert again.json()["answer"] == 2 and Answer.objects.get().user == ada
    mine = ada_api.get(QUESTIONS).json()["questions"]
    assert [one["answer"] for one in mine] == [None, None, 2, None, None]


def test_refusals(ada_api: Caller, open_api: Caller) -> None:
    problem(ada_api.post(f"{QUESTIONS}/water", {"option": 4}), 422, "no_such_option")
    assert ada_api.post(f"{QUESTIONS}/fog", {"option": 0}).status_code == 200
    problem(ada_api.post(f"{QUESTIONS}/boats", {"option": 0}), 409, "questions_closed")
    problem(open_api.post(f"{QUESTIONS}/water", {"option": 1}), 401, "unauthenticated")
    problem(ada_api.get("/lessons/nothing/questions"), 404, "not_found")
    problem(ada_api.post(f"{QUESTIONS}/rivers", {"option": 1}), 404, "not_found")
