"""A challenge with documents goes from its folder to a graded page, with real retrieval and a base model of a table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from challenges.distribution import install
from gradus.accounts.models import User
from gradus.submissions.models import Evaluation, Run, Standing, Submission
from tests.challenges.kinds.rag_bundle import write_rag_challenge
from tests.kinds.conftest import ImportCourse, api, graded
from tests.kinds.rag_engine import PAYLOAD, Engine
from tests.markup import Markup
from workers import execute
from workers.work import Worker

pytestmark = pytest.mark.django_db(transaction=True)
LEARN = "/challenges/ask-the-library/"
MODEL = "smollm2-135m-instruct"


@pytest.fixture
def course(import_course: ImportCourse) -> None:
    import_course("ask-the-library", write_rag_challenge)


def form(**changes: Any) -> dict[str, Any]:
    examples = PAYLOAD["examples"]
    fields = {
        "kind": "rag",
        "key": "1",
        **{name: str(PAYLOAD.get(name, 0)) for name in ("chunk_words", "overlap", "top_k", "min_score")},
        "method": "words",
        "instructions": PAYLOAD["instructions"],
        "template": "Passage: {passages}\r\nQuestion: {input}\r\nAnswer: {output}",
        **{f"example_{part}": [e[part] for e in examples] for part in ("input", "output", "passages")},
    }
    return {**fields, **changes}


def test_the_page_takes_it_and_shows_what_came_of_it(course: None, ada: User, ada_client: Client) -> None:
    page = Markup(ada_client.get(LEARN).content.decode())
    assert 'name="chunk_words"' in page and "Answers are looked up in 12 documents." in page
    assert "From 10 to 100." in page and "some of them change" in page

    ran = ada_client.post(f"{LEARN}run", form(key="2"))
    run = Run.objects.get(user=ada)
    assert ran.url == f"/runs/{run.uuid}/"
    evaluation = graded(run, Engine())
    assert evaluation.state == "scored", evaluation.error_code
    shown = Markup(ada_client.get(ran.url).content.decode())
    assert "Mean reciprocal rank" in shown and "You can borrow 15 books at once" in shown
    assert "A passage of it stood at place 1 of 12." in shown and "score too low" in shown
    assert "the corpus does not say" in shown

    sent = ada_client.post(f"{LEARN}submit", form(key="3"))
    submission = Submission.objects.get()
    assert submission.payload == {
        **PAYLOAD,
        "overlap": 0.0,
        "example": None,
        "examples": [dict(example) for example in PAYLOAD["examples"]],
    }
    evaluation = graded(submission, Engine())
    assert evaluation.state == "scored", evaluation.error_code
    result = Markup(ada_client.get(sent.url).content.decode())
    # The film is not found by its word alone, because the page says "films": three of four rows are right.
    assert "0.74" in result and "Passed" in result and "What was found" in result
    assert "cargo-bike" not in result and "For how long can I keep a film" not in result
    standing = Standing.objects.get(user=ada)
    assert (standing.track, standing.shown, standing.passed) == ("rag", 0.74, True)
    board = Markup(ada_client.get("/leaderboards/ask-the-library/").content.decode())
    assert "enchantress" in board and "Retrieval" in board
    again = Markup(ada_client.get(LEARN).content.decode())
    assert "The garden behind the library" in again and 'value="60"' in again


def test_events_and_stored_results_are_of_public_rows_only(course: None, ada: User, ada_client: Client) -> None:
    ada_client.post(f"{LEARN}submit", form(key="4"))
    submission = Submission.objects.get()
    evaluation = graded(submission, engine := Engine())
    told = json.dumps([list(evaluation.events.values_list("type", "data")), evaluation.result])
    assert '"hidden"' not in told and "cargo" not in told and "film" not in told
    assert "How many books" not in told and '"p1"' in told and '"rows"' in told
    assert evaluation.result["metrics"] == {"hit_rate": 0.74}
    stages = [item.stage for item in engine.items]
    assert stages == ["index", "index", "public", "public", "hidden", "hidden", "hidden"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"chunk_words": "many"}, "“many” is not a number: write one."),
    ({"chunk_words": ""}, "Write a number."),
    ({"chunk_words": "5"}, "The value must be between 10 and 100."),
    ({"chunk_words": "1e3"}, "“1e3” is not a number"),
    ({"overlap": "0.9"}, "The value must be between 0 and 0.5."),
    ({"min_score": "2"}, "Write a number of at most 1."),
    ({"method": "magic"}, "method"),
    ({"template": "Q: {input}\nA: {output}"}, "must contain {passages} exactly once"),
    ({"example_passages": ["", ""]}, "The passage or the input is empty"),
    ({"chunk_words": "40", "top_k": "8", "instructions": "x" * 3000}, "3,000 characters; 2,000 are allowed"),
]


def test_a_refusal_stands_beside_its_field_and_costs_nothing(course: None, ada_client: Client) -> None:
    for changes, message in REFUSED:
        refused = ada_client.post(f"{LEARN}submit", form(**changes))
        text = Markup(refused.content.decode())
        assert refused.status_code == 422, changes
        assert message in text.replace("&#x27;", "'"), text[text.find('id="problems"') :][:1500]
        assert "The garden behind the library" in text or "example_passages" in changes
    assert not Submission.objects.exists()


def test_the_documents_can_be_read_and_downloaded(course: None, client: Client) -> None:
    page = Markup(client.get(f"{LEARN}documents/").content.decode())
    assert "You can borrow 15 books" in page and 'id="d-loans"' in page and 'id="u-cargo-bike"' in page
    assert "<b>nobody</b>" not in page and "&lt;b&gt;nobody&lt;/b&gt;" in page
    rows = client.get(f"{LEARN}documents.jsonl").content.decode().splitlines()
    assert {json.loads(row)["id"] for row in rows} >= {"loans", "visitor-note"} and len(rows) == 12
    updates = client.get(f"{LEARN}updates.jsonl").content.decode().splitlines()
    assert [json.loads(row)["id"] for row in updates] == ["cargo-bike", "opening-hours"]
    samples = client.get(f"{LEARN}public.jsonl").content.decode().splitlines()
    assert json.loads(samples[0])["documents"] == ["loans"]
    for name in ("documents/", "documents.jsonl", "updates.jsonl"):
        assert client.get(f"/challenges/ticket/{name}").status_code == 404
    assert client.get("/api/v1/challenges/ticket/documents").status_code == 404
    found = client.get("/api/v1/challenges/ask-the-library/documents").json()
    assert len(found["documents"]) == 12 and [one["id"] for one in found["updates"]] == ["cargo-bike", "opening-hours"]


def test_the_api_takes_it_and_documents_it(course: None, ada: User) -> None:
    client = api(ada)
    shown = client.get("/api/v1/challenges/ask-the-library").json()
    details = shown["details"]["rag"]
    assert (details["documents"], details["updates"], details["retrieval"]["top_k"]) == (12, 2, [1, 8])
    assert shown["samples"][0]["target"] == ["15", "15 books", "fifteen books"]
    assert "borrow 15 books" not in json.dumps(details)
    url = "/api/v1/challenges/ask-the-library/submissions"
    wrong = client.post(url, {**PAYLOAD, "top_k": 9}, content_type="application/json")
    assert wrong.status_code == 422 and [p["field"] for p in wrong.json()["problems"]] == ["top_k"]
    made = client.post(url, PAYLOAD, content_type="application/json")
    assert made.status_code == 201, made.content
    graded(Submission.objects.get(), Engine())
    found = client.get(f"/api/v1/submissions/{made.json()['uuid']}").json()
    assert (found["status"], found["score"], found["verdict"], found["kind"]) == ("scored", 0.74, "passed", "rag")
    look_up = found["feedback"]["public"]["rows"][0]["look_up"]
    assert (look_up["place"], look_up["of"], look_up["passages"][0]["document"]) == (1, 12, "loans")
    document = json.dumps(client.get("/api/v1/openapi.json").json())
    assert "RagPayload" in document and "LookUpOut" in document


def test_a_worker_without_the_packages_waits_and_says_how_to_get_them(
    course: None, ada_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada_client.post(f"{LEARN}submit", form(key="5"))
    submission = Submission.objects.get()
    real = execute.find_spec
    monkeypatch.setattr(execute, "find_spec", lambda name: None if name == "faiss" else real(name))
    worker = Worker("grade", runner=Engine())  # type: ignore[arg-type]
    worker.step()
    assert f"`faiss` cannot be imported on this worker. Run: {install('worker')}" in worker.fault
    evaluation = Evaluation.objects.get(pk=submission.current.pk)
    assert evaluation.is_open and evaluation.error_code in ("", "engine_misconfigured")
