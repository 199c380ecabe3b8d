"""The pages of attempts and findings are marked in the states that they pass through, not only in the usual one."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Course, Lesson
from gradus.laboratory.models import Contribution
from gradus.laboratory.own_sets import Guess
from gradus.reviews.models import Appeal
from gradus.submissions.models import Submission
from gradus.submissions.services import take_hint
from tests import factories
from tests.learn import scene
from tests.learn.findings import made_up
from tests.learn.findings.test_laboratory import ADDRESS, ORDER, contribute, finish
from tests.learn.result.test_moment import graded, mark
from tests.learn.result.test_stages import ended, tell
from tests.words.unmarked import unmarked

pytestmark = pytest.mark.usefixtures("pseudo")
RUNS = f"{ADDRESS}runs"


@pytest.fixture
def learner(pseudo: str, ada_client: Client) -> Client:
    return ada_client


def plain(client: Client, path: str, status: int = 200) -> list[str]:
    answer = client.get(path)
    assert answer.status_code == status
    return unmarked(answer.content.decode())


def page_of(client: Client, submission: Submission) -> str:
    return client.get(reverse("learn:submission", args=[submission.uuid])).content.decode()


def moment(client: Client, submission: Submission) -> list[str]:
    """The unmarked texts above the samples, which have their own test."""
    html = page_of(client, submission)
    ends = [html.index(part) for part in ('<section class="section', '<details class="fold"') if part in html]
    return unmarked(f"{html[: min(ends)]}</div></main>")


def graded_answer(html: str) -> list[str]:
    """The unmarked texts above what was handed in."""
    above, _, _ = html.rpartition('<details class="fold"')
    return unmarked(f"{above}</div></main>")


def test_each_score_against_the_goal_and_the_scores_before(learner: Client, ada: User, sea_or_sky: Challenge) -> None:
    scene.with_baselines(sea_or_sky.version)
    for score in (0.5, 0.4, 0.5, 0.7, 0.55, 0.9):
        assert moment(learner, graded(ada, score)) == []
    assert moment(learner, graded(ada, 0.7, payload=factories.LORA)) == []


def test_what_is_left_to_try_when_all_hints_are_taken(learner: Client, ada: User, sea_or_sky: Challenge) -> None:
    for _ in range(3):
        take_hint(ada, sea_or_sky)
    assert moment(learner, graded(ada, 0.5)) == []
    assert moment(learner, graded(ada, 0.5, payload=factories.LORA)) == []
    assert moment(learner, graded(ada, 0.5)) == []


def test_what_went_wrong_most_often(learner: Client, ada: User, course: Course) -> None:
    wrong = factories.submit(ada)
    factories.grade(wrong, result=factories.result_for(wrong, wrong=3))
    assert moment(learner, wrong) == []
    strange = factories.submit(ada)
    result = factories.result_for(strange, wrong=0)
    result["public"]["rows"][0].update(output="the moon", correct=False, score=0.0)
    factories.grade(strange, result=result)
    assert moment(learner, strange) == []


def test_marks_of_each_kind(learner: Client, ada: User, explain: Challenge) -> None:
    marks = [mark("Cause", 50, 50), mark("Remedy", 12.5, 30), mark("Cost", 0, 10), mark("Risk", 0, 10)]
    marks[2]["mark"], marks[3]["mark"] = "not_met", "cannot_tell"
    marks[1] |= {"evidence": ["the weights keep old facts"], "improve": "Say why."}
    answer = graded(ada, 0.62, "explain", factories.FREE_TEXT, result={"marks": marks})
    assert graded_answer(page_of(learner, answer)) == []


@pytest.mark.parametrize("outcome", ["raised", "lowered", "kept"])
def test_appeals(learner: Client, ada: User, explain: Challenge, outcome: str) -> None:
    marks = [mark("Cause", 25, 50)]
    answer = graded(ada, 0.6, "explain", factories.FREE_TEXT, provisional=True, result={"marks": marks})
    assert graded_answer(page_of(learner, answer)) == []
    address = reverse("learn:submission_appeal", args=[answer.uuid])
    refused = learner.post(address, {"text": ""})
    assert refused.status_code == 422 and graded_answer(refused.content.decode()) == []
    learner.post(address, {"text": "Look again."})
    assert graded_answer(page_of(learner, answer)) == []
    assert Appeal.objects.update(stage="closed", outcome=outcome, closed_at=answer.created_at) == 1
    answer.evaluations.update(grader="person")
    assert graded_answer(page_of(learner, answer)) == []


def test_a_page_that_waits_and_one_that_is_graded(learner: Client, ada: User, bob: User, course: Course) -> None:
    ended(bob, *[17.0] * 5)
    factories.submit(bob)
    trained, other = factories.submit(ada, payload=factories.LORA), factories.submit(ada)
    assert moment(learner, trained) == moment(learner, other) == []
    evaluation = factories.claimed(trained)
    tell(evaluation, "loss", step=2, steps=4, train_loss=0.4, valid_loss=None, seconds=3.0)
    assert moment(learner, trained) == []
    tell(evaluation, "progress", stage="public", done=3, total=4)
    assert moment(learner, trained) == []


def test_a_solution_that_is_not_open(learner: Client, course: Course) -> None:
    assert plain(learner, "/challenges/sea-or-sky/solution/", 403) == []


# --- findings -----------------------------------------------------------------------------------------------------


@pytest.fixture
def lesson(db: None, tmp_path: Path) -> Lesson:
    made_up.lesson(tmp_path / "c")
    return catalogue.now().lesson("first")


def test_a_finding_that_was_not_measured_or_not_shown(learner: Client, tmp_path: Path, lesson: Lesson) -> None:
    assert plain(learner, ORDER) == []
    record = made_up.few_record()
    record["experiments"][0]["claims"][0] = made_up.claim(0.012, -0.041, 0.06, "unclear", holds=False)
    made_up.course(tmp_path / "again", [made_up.FEW], {"few-shot": record})
    assert plain(learner, ADDRESS) == []
    assert plain(learner, "/lessons/first/") == []


def test_a_finding_about_another_version(learner: Client, lesson: Lesson) -> None:
    Lesson.objects.update(contents={"sea-or-sky": "0" * 64})
    catalogue.forget()
    assert plain(learner, ADDRESS) == []


def test_sets_of_learners_and_their_predictions(learner: Client, ada: User, bob: User, lesson: Lesson) -> None:
    assert learner.post(RUNS, {"repetition": "own", "arm": "few", "sure": "80"}).status_code == 302
    assert plain(learner, ADDRESS) == []
    finish()
    for arm in ("few", "zero"):
        contribute(ada, lesson, guess=Guess(arm, 0.8))
        assert plain(learner, ADDRESS) == []
    contribute(bob, lesson, "order", order_1=0, order_2=3)
    assert plain(learner, ORDER) == []
    learner.post(f"/contributions/{Contribution.objects.filter(user=ada).latest('pk').pk}/withdraw")
    assert plain(learner, ADDRESS) == []


@pytest.mark.parametrize(
    "sent",
    [
        {"repetition": "own", "arm": "few", "sure": "75"},
        {"repetition": "own", "arm": "lora", "sure": "80"},
        {"repetition": "99"},
        {"repetition": "²"},
    ],
)
def test_a_refused_run_of_a_finding(learner: Client, lesson: Lesson, sent: dict[str, str]) -> None:
    answer = learner.post(RUNS, sent)
    assert answer.status_code == 422 and unmarked(answer.content.decode()) == []


def test_a_repetition_that_was_run_already(learner: Client, lesson: Lesson) -> None:
    learner.post(RUNS, {"repetition": "2"})
    answer = learner.post(RUNS, {"repetition": "2"})
    assert answer.status_code == 409 and unmarked(answer.content.decode()) == []
