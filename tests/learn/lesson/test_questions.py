import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.questions import services
from gradus.questions.models import Answer, Part
from tests.learn import scene

LESSON = "/lessons/first/"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def lesson(db, tmp_path):
    return scene.scene_course(tmp_path / "scene").lessons.get()


def post(client: Client, name: str, option: object, htmx: bool = True):
    return client.post(f"{LESSON}questions/{name}/answer", {"option": option}, headers=HTMX if htmx else {})


def test_a_page_explains_nothing_before_it_is_answered(client: Client) -> None:
    text = client.get(LESSON).content.decode()
    assert "What moves water?" in text and "2 questions before you begin" in text and "What have you gained?" in text
    assert "Because tide" not in text and "data-right" not in text


def test_a_question_of_the_text_is_explained_at_once(client: Client) -> None:
    answer = post(client, "water", 1)
    text = answer.content.decode()
    assert answer.status_code == 200
    assert text.count("Because ") == 3 and "Your answer: not right" in text and "The right answer" in text
    assert "boats" not in text
    assert Answer.objects.get().user.is_guest


def test_without_scripts_one_comes_back_to_the_question(client: Client) -> None:
    answer = post(client, "water", 0, htmx=False)
    assert (answer.status_code, answer["Location"]) == (302, f"{LESSON}#question-water")
    assert "Your answer: right" in client.get(LESSON).content.decode()


def test_questions_around_the_lesson_are_explained_when_the_last_is_answered(client: Client, ada: User) -> None:
    client.force_login(ada)
    assert "Your answers are kept" not in post(client, "boats", 0).content.decode()
    kept = post(client, "clouds", 2).content.decode()
    assert "Your answers are kept" in kept and "Because tide" not in kept
    assert "Because tide" not in post(client, "ships", 2).content.decode()
    text = post(client, "fog", 1).content.decode()
    assert "Before the lesson 1 of 2 were right, and now 2 of 2." in text and text.count("Because tide") == 2
    page = client.get(LESSON).content.decode()
    assert "1 of 2 were right." in page and page.count("Because tide") == 4


def test_the_gain_of_all_learners_stands_below(client: Client, lesson) -> None:
    shown = catalogue.now().lesson("first")
    for _ in range(services.SHOWN_FROM):
        user = User.objects.create_guest()
        for part in (Part.BEFORE, Part.AFTER):
            for question in services.parts(shown)[part]:
                services.answer(user, shown, question, part, question.right if part is Part.AFTER else 0)
    post(client, "ships", 0)
    text = post(client, "fog", 0).content.decode()
    assert "20 learners answered all questions: on average 0.0 of 2 right before the lesson, and 2.0 after it." in text


@pytest.mark.parametrize("option", ["", "3", "-1", "x", "\uff11"])
@pytest.mark.parametrize("htmx", [True, False])
def test_a_wrong_option_is_said_beside_the_question(client: Client, option: str, htmx: bool) -> None:
    answer = post(client, "boats", option, htmx)
    text = answer.content.decode()
    assert answer.status_code == 422 and 'id="question-boats-problem"' in text
    assert "Choose " in text and not Answer.objects.exists()


def test_a_question_that_there_is_not_is_not_found(client: Client) -> None:
    assert post(client, "rivers", 0).status_code == 404
    assert client.get(f"{LESSON}questions/water/answer").status_code == 405


def test_a_question_before_the_lesson_is_closed_after_one_behind_it(client: Client) -> None:
    post(client, "ships", 0)
    answer = post(client, "boats", 1)
    assert answer.status_code == 422 and "those before it are closed" in answer.content.decode()
    post(client, "fog", 0)
    assert client.get(LESSON).content.decode().count("You did not answer this question.") == 2
