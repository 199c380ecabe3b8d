"""A challenge whose score is of places of documents alone asks no model, and shows nothing that a model would need."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from graders.base import Retrieve
from gradus.accounts.models import User
from gradus.challenge_health import figures
from gradus.challenge_health.models import RowScores
from gradus.challenge_health.row_scores import items_of
from gradus.learn.result.progress import stages_of
from gradus.submissions.models import Evaluation, Run, Standing, Submission
from tests import factories
from tests.challenges.kinds.rag_bundle import write_rag_challenge
from tests.kinds import conftest
from tests.kinds.conftest import Cli, ImportCourse, api
from tests.kinds.rag_engine import PAYLOAD, Engine
from tests.markup import Markup, without_drawn
from workers.engine.choice import Choice

pytestmark = pytest.mark.django_db(transaction=True)
LEARN = "/challenges/ask-the-library/"
SEARCHED = {"kind": "rag", "chunk_words": 60, "overlap": 0.0, "method": "words", "top_k": 2, "min_score": 0.2}
NONSENSE = "banana banana banana"


class NoModel(Engine):
    """Looks up for real, and fails where it is asked to load, choose or run a base model."""

    def choose(self, model: str, *, should_stop: Any) -> Choice:
        raise AssertionError("a base model is measured")

    def run(self, item: Any, *, on_event: Any, should_stop: Any, seconds: float) -> Any:
        assert isinstance(item, Retrieve), item
        return super().run(item, on_event=on_event, should_stop=should_stop, seconds=seconds)


@pytest.fixture
def metric(request: pytest.FixtureRequest) -> str:
    return str(getattr(request, "param", "mrr"))


@pytest.fixture
def course(import_course: ImportCourse, metric: str) -> None:
    """The worker holds another base model than the challenge names, which is enough here."""
    keys = {"metric": {"name": metric}, "public_metrics": ["hit_rate"]}
    import_course("ask-the-library", write_rag_challenge, model="another-model", **keys)


def graded(owner: Submission | Run) -> Evaluation:
    found = conftest.graded(owner, NoModel())
    assert found.state == "scored", found.error_code
    return found


def form(**changes: Any) -> dict[str, str]:
    return {"key": "1", **{name: str(value) for name, value in {**SEARCHED, **changes}.items()}}


def text_of(response: Any) -> Markup:
    return Markup(response.content.decode())


def test_the_form_has_only_the_fields_that_count(course: None, ada_client: Client) -> None:
    page = text_of(ada_client.get(LEARN))
    for name in ("method", *SEARCHED.keys() - {"kind", "method"}):
        assert f'id="{name}"' in page
    for name in ("instructions", "example_input", "template"):
        assert f'name="{name}"' not in page
    assert "Row template" not in page and "Use sample 1 as an example" not in page
    assert "SmolLM2" not in page and "No model reads them here" in page
    assert '<span class="sample-expected" lang="en">loans</span>' in page
    assert not ada_client.post(f"{LEARN}tokens", form()).content.strip()


def test_a_run_asks_no_model_and_shows_the_places(course: None, ada: User, ada_client: Client) -> None:
    ran = ada_client.post(f"{LEARN}run", form())
    run = Run.objects.get(user=ada)
    assert {**run.payload, "example": None} == {**SEARCHED, "instructions": "", "examples": [], "example": None}
    assert [stage.name for stage in stages_of(run.current, "rag")] == ["queued", "index", "public"]
    assert "data-live-list" not in text_of(ada_client.get(ran.url))
    evaluation = graded(run)
    assert evaluation.result["cost"] == {} and evaluation.result["public"]["metrics"].keys() == {"mrr", "hit_rate"}
    shown = text_of(ada_client.get(ran.url))
    assert '<span class="row-got">place 1</span><span class="row-wanted" lang="">loans</span>' in shown
    assert '<span class="row-got">nothing handed over</span>' in shown and "You can borrow 15 books" in shown
    assert 'class="is-right"' in shown and "Tokens a request" not in shown and "Token F1" not in shown


@pytest.mark.parametrize("metric", ["mrr", "hit_rate"], indirect=True)
def test_the_colour_of_a_row_is_that_of_its_place(course: None, metric: str, ada: User, ada_client: Client) -> None:
    """Passages of 15 words tear a sentence, so that another page comes first."""
    ada_client.post(f"{LEARN}run", form(chunk_words=15, top_k=8, min_score=0.0))
    run = Run.objects.get(user=ada)
    found = {row["id"]: row for row in graded(run).result["public"]["rows"]}
    below = found["p3"]
    assert (below["look_up"]["place"], below["score"]) == (2, 0.5 if metric == "mrr" else 1.0)
    shown = text_of(ada_client.get(f"/runs/{run.uuid}/"))
    mark = "partly_right" if metric == "mrr" else "right"
    row = shown[: shown.index('<span class="row-got">place 2<')].rpartition("<li data-item")[2]
    assert row.startswith(f" data-{mark} ")
    assert '<span class="row-got">something handed over</span>' in shown
    wrong = 2 if metric == "mrr" else 1
    assert f"For {wrong} of 4 public samples, what was handed over does not earn the full score." in shown


def test_a_submission_is_scored_and_nothing_has_a_cost(course: None, ada: User, ada_client: Client) -> None:
    sent = ada_client.post(f"{LEARN}submit", form(key="2"))
    submission = Submission.objects.get()
    assert [stage.name for stage in stages_of(submission.current, "rag")] == ["queued", "index", "public", "hidden"]
    graded(submission)
    standing = Standing.objects.get(user=ada)
    assert standing.shown == 0.74 and standing.passed
    page = text_of(ada_client.get(sent.url))
    assert "Passed" in page and "What it costs" not in page
    assert ada_client.get(f"{LEARN}costs/").status_code == 404
    assert "Tokens per request" not in text_of(ada_client.get("/leaderboards/ask-the-library/"))
    receipt = api(ada).get(f"/api/v1/submissions/{submission.uuid}/receipt").json()["receipt"]
    assert receipt["model"] is None and receipt["model_checkpoint"] is None


def test_health_counts_the_documents_of_a_list(course: None, ada: User) -> None:
    made = factories.submit(ada, "ask-the-library", {**SEARCHED, "top_k": 1})
    items = items_of(made.version, "rag")
    assert all(set(item.parts) <= {*item.expected.split(" / ")} for item in items) and items[0].parts
    documents = [f"a-page-of-{number:02}-with-a-long-name" for number in range(20)]
    factories.grade(made, 0.1, rows={items[0].id: (0.1, ", ".join([*documents, items[0].parts[0]]))})
    RowScores.objects.update(scores=bytes(len(items)))
    health = figures.computed(made.version, "rag")
    assert health.shown_items[items[0].id].wrong == tuple((name, 1) for name in documents[:3])
    assert RowScores.objects.get().answers["0"].endswith(items[0].parts[0]), "nothing of a list is cut off"


def test_two_runs_are_compared_by_places(course: None, ada: User, ada_client: Client) -> None:
    ada_client.post(f"{LEARN}run", form(min_score=1.0))
    nothing = Run.objects.get(user=ada)
    graded(nothing)
    ada_client.post(f"{LEARN}run", form())
    best = Run.objects.exclude(pk=nothing.pk).get(user=ada)
    graded(best)
    page = text_of(ada_client.get(f"{LEARN}compare/?a={nothing.uuid}&b={best.uuid}"))
    assert "3 samples became right, 0 became wrong" in page
    assert '<span lang="">not handed over</span>' in page and '<span class="row-got" lang="">place 1</span>' in page
    assert "per request" not in page
    assert "3 samples became right" in text_of(ada_client.get(f"/runs/{best.uuid}/"))


def test_a_result_of_an_earlier_version_shows_places_and_no_answers(
    course: None, ada: User, ada_client: Client
) -> None:
    ada_client.post(f"{LEARN}run", form())
    evaluation = graded(Run.objects.get(user=ada))
    old = evaluation.result
    old["public"]["rows"] = [{**row, "output": NONSENSE} for row in old["public"]["rows"]]
    old["public"]["metrics"] |= {"token_f1": 0.1, "exact_match": 0.0}
    old["cost"] = {"prompt_tokens": 230.0, "new_tokens": 7.0, "ms": 300.0}
    Evaluation.objects.filter(pk=evaluation.pk).update(result=old)
    page = text_of(ada_client.get(f"/runs/{evaluation.run.uuid}/"))
    assert NONSENSE not in page and "Token F1" not in page and "230" not in without_drawn(page)
    assert '<span class="row-got">place 1</span>' in page


def test_a_payload_with_fields_that_do_not_count_is_accepted_and_scores_the_same(course: None, ada: User) -> None:
    client = api(ada)
    url = "/api/v1/challenges/ask-the-library/submissions"
    for payload in (PAYLOAD, {**SEARCHED, "top_k": PAYLOAD["top_k"]}):
        made = client.post(url, payload, content_type="application/json")
        assert made.status_code == 201, made.content
        graded(Submission.objects.get(uuid=made.json()["uuid"]))
    first, second = (found["score"] for found in client.get("/api/v1/submissions").json())
    assert first == second == 0.74
    assert Submission.objects.order_by("pk").first().payload["instructions"] == PAYLOAD["instructions"]


def test_the_api_and_the_command_line_say_it_too(course: None, ada: User, cli: Cli) -> None:
    assert api(ada).get("/api/v1/challenges/ask-the-library").json()["details"]["rag"]["has_reader"] is False
    made = api(ada).post("/api/v1/challenges/ask-the-library/runs", SEARCHED, content_type="application/json").json()
    graded(Run.objects.get(user=ada))
    result = api(ada).get(f"/api/v1/runs/{made['uuid']}").json()["result"]
    assert result["public"]["rows"][0]["output"].startswith("loans") and result["cost"] == {}
    told = cli("logs", made["uuid"])
    assert told.exit_code == 0 and "loans" in told.output and "place 1" in told.output, told.output
    assert "fifteen books" not in told.output
    sent = api(ada).post("/api/v1/challenges/ask-the-library/submissions", SEARCHED, content_type="application/json")
    graded(Submission.objects.get(uuid=sent.json()["uuid"]))
    board = cli("leaderboard", "ask-the-library")
    assert "0.74" in board.output and "Tokens" not in board.output, board.output
