from pathlib import Path

import pytest
from django.test import Client

from challenges import payloads
from challenges.reading import read_course
from graders.base import Assignment, Retrieve, Retrieved
from graders.registry import grade
from gradus.accounts.models import User
from gradus.courses import bundles, catalogue
from gradus.courses.models import Lesson
from gradus.learn.demo.retriever import RETRIEVER
from gradus.submissions.models import Evaluation, Run
from gradus.submissions.states import State
from tests import example_course
from tests.factories import publish

LESSON = "/lessons/examples/"
HTMX = {"HX-Request": "true"}
FOUND = {"passages": [{"document": "opening", "text": "Closed on Mondays.", "score": 0.91}], "place": None, "of": 31}


@pytest.fixture(autouse=True)
def lesson(db: None, tmp_path: Path) -> Lesson:
    publish(read_course(example_course.write_course(tmp_path / "examples")))
    return catalogue.now().lesson("examples")


def ended(run: Run, look_up: object) -> None:
    rows = [{"id": "input-1", "output": "", "score": 0.0, "correct": False, "look_up": look_up}]
    Evaluation.objects.filter(run=run).update(state=State.SCORED, result={"public": {"rows": rows}})


def test_a_lesson_offers_its_search(client: Client) -> None:
    text = client.get(LESSON).content.decode()
    assert 'id="retriever"' in text and "When is the library closed?" in text and "Read the documents" in text


def test_a_question_is_looked_up_in_three_ways(client: Client) -> None:
    answer = client.post(f"{LESSON}retriever/", {"text": " When  is it\nclosed? "}, headers=HTMX)
    assert answer.status_code == 200 and answer.content.decode().count("Waiting until a worker is free.") == 3
    runs = {run.label: run for run in Run.objects.all()}
    assert {name: run.payload["method"] for name, run in runs.items()} == {n: n for n in ("words", "vectors", "both")}
    assert {tuple(run.inputs) for run in runs.values()} == {("When is it closed?",)}
    assert {(run.payload["chunk_words"], run.payload["top_k"]) for run in runs.values()} == {(40, 3)}


def test_panels_show_what_was_found(client: Client) -> None:
    where = client.post(f"{LESSON}retriever/", {"text": "When is it closed?"})["Location"]
    for run, found in zip(Run.objects.order_by("pk"), (FOUND, None, {**FOUND, "passages": []}), strict=True):
        ended(run, found)
    text = client.get(where).content.decode()
    assert "Closed on Mondays." in text and "0.91" in text and "The best 1 of 31 passages" in text
    assert "Something went wrong on our side." in text and "No passage shares a word with the question." in text
    assert Client().get(where).status_code == 404
    panel = f"{LESSON}retriever/panel/{Run.objects.order_by('pk')[0].uuid}/"
    assert "#d-opening" in client.get(panel).content.decode() and Client().get(panel).status_code == 404


@pytest.mark.parametrize("text", ["", "x" * 301, "a\x00b"])
def test_a_text_that_is_not_taken_is_kept_and_explained(client: Client, text: str) -> None:
    answer = client.post(f"{LESSON}retriever/", {"text": text})
    assert answer.status_code == 422 and not Run.objects.exists()
    assert 'id="retriever-problem"' in answer.content.decode()


def test_documents_that_are_not_there_yet(client: Client, lesson: Lesson) -> None:
    lesson.challenges.filter(slug="ask-the-library").update(is_current=False)
    catalogue.forget()
    assert 'id="retriever"' not in client.get(LESSON).content.decode()
    answer = client.post(f"{LESSON}retriever/", {"text": "When?"})
    assert answer.status_code == 503 and "not published on this server yet" in answer.content.decode()


def test_a_worker_searches_without_the_model(ada: User, lesson: Lesson) -> None:
    """The grader asks for nothing but indexes and look-ups."""
    run = RETRIEVER.start(lesson, ada, "When is it closed?")[0]
    bundle = bundles.load(run.version)
    payload = payloads.parse(run.payload)
    grading = grade(Assignment(bundle, payload, hidden=False, inputs=tuple(run.inputs)))
    items, item = [], next(grading)
    try:
        while True:
            items.append(item)
            assert isinstance(item, Retrieve)
            item = grading.send(Retrieved([[(0, 0.5), (1, 0.25)] for _ in item.queries]))
    except StopIteration as stop:
        (row,) = stop.value.public
    assert [one.queries for one in items][-1] == ("When is it closed?",)
    assert row.look_up.passages[0].score == 0.5 and row.look_up.place is None
