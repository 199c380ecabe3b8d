"""What learners see of a score that is the worst of three orders of their examples, and that tokens cost a part of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from challenges.models import tokens
from challenges.reading import read_course
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.courses.services import publish
from gradus.learn.result.progress import stages_of
from gradus.submissions import services
from gradus.submissions.models import Evaluation, Run, Standing, Submission
from gradus.submissions.states import State
from tests import factories
from tests.challenges import factory
from tests.workers.table_engine import TableEngine
from workers import status
from workers.work import Worker

METRIC = {"name": "accuracy", "orders": 3, "tokens": {"free": 10, "zero": 50}}
EXAMPLES = [("a gull", "sky"), ("an eel", "sea"), ("a crab", "sea")]
LIST = [{"input": one, "output": other} for one, other in EXAMPLES]
PROMPT = {"kind": "prompt", "instructions": "Sea or sky?", "examples": LIST}
FORM = {
    "kind": "prompt",
    "key": "1",
    "instructions": "Sea or sky?",
    "example_input": [one for one, _ in EXAMPLES],
    "example_output": [other for _, other in EXAMPLES],
    "template": "Thing: {input}\nPlace: {output}",
}
# "Sea or sky?", and three times "Thing: a gull Place: sky".
WORDS = 3 + 3 * 5
FACTOR = (50 - WORDS) / 40


def by_last_example(prompt: str, suffix: str) -> str:
    """Everything is what the last example is."""
    return "sea" if prompt.rfind("Place: sea") > prompt.rfind("Place: sky") else "sky"


@pytest.fixture
def steady(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Challenge:
    monkeypatch.setattr(tokens, "counter", lambda model: lambda text: len(text.split()))
    monkeypatch.setattr(status, "digests", lambda: {"smollm2-135m-instruct": "d" * 64})
    root = factory.write_course(tmp_path / "course")
    factory.write_prompt_challenge(root / "first" / "sea-or-sky", metric=METRIC)
    # All hidden rows of the sky but one, so that the orders differ.
    rows = [{**row, "target": "sky"} for row in factory.label_samples("h", 2, 5)]
    factory.write_rows(root / "first/sea-or-sky/hidden.jsonl", [{**rows[0], "target": "sea"}, *rows[1:]])
    publish(read_course(root))
    return factories.challenge("sea-or-sky")


def graded(owner: Submission | Run) -> Evaluation:
    worker = Worker(owner.current.lane, runner=TableEngine(by_last_example))  # type: ignore[arg-type]
    assert worker.step()
    found = Evaluation.objects.get(pk=owner.current.pk)
    assert found.state == State.SCORED, found.error_code
    return found


def shown(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_a_run_shows_every_order_and_what_the_tokens_cost(ada: User, ada_client: Client, steady: Challenge) -> None:
    run = services.start_run(ada, steady.version, PROMPT)
    public = graded(run).result["public"]
    # The last examples are a crab, a gull and an eel.
    assert public["orders"] == [0.5, 0.5, 0.5]
    assert public["charged"] == {"tokens": WORDS, "factor": pytest.approx(FACTOR)}
    assert public["score"] == pytest.approx(0.5 * FACTOR) and public["metrics"]["accuracy"] == 0.5
    text = shown(ada_client, f"/runs/{run.uuid}/")
    assert "Accuracy in the worst of 3 orders, times the factor for tokens" in text
    assert "as given" in text and "order 2" in text and "order 3" in text
    assert f"What you put around the sample has {WORDS} tokens, which gives the factor {FACTOR:.2f}" in text
    assert f"0.50 \u00d7 {FACTOR:.2f} = {0.5 * FACTOR:.2f}" in text


def test_the_hidden_result_is_one_number(ada: User, ada_client: Client, steady: Challenge) -> None:
    submission = factories.submit(ada, payload=PROMPT)
    evaluation = graded(submission)
    # Of the hidden rows one is of the sea: two of the orders get 1/6, one gets 5/6.
    assert evaluation.score.value == pytest.approx(0.16 * FACTOR)
    assert Standing.objects.get(user=ada).shown == evaluation.score.shown == 0.12
    text = shown(ada_client, f"/submissions/{submission.uuid}/")
    assert "Accuracy in the worst of 3 orders, times the factor for tokens on hidden samples" in text
    assert "5/6" not in text and "0.83" not in text and "0.167" not in text
    hidden = json.dumps(evaluation.result | {"public": None})
    assert "orders" not in hidden and "0.83" not in hidden


def test_an_attempt_says_which_order_of_the_public_samples_is_asked(ada: User, steady: Challenge) -> None:
    submission = factories.submit(ada, payload=PROMPT)
    wanted = ["Waiting", "Loading the model", "Public samples", "Public samples, order 2", "Public samples, order 3"]
    titles = [stage.title for stage in stages_of(submission.current, "prompt")]
    assert titles == [*wanted, "Grading on hidden samples"]
    assert "order-2" not in [stage.name for stage in stages_of(submission.current, "tune")]


def test_the_challenge_says_how_it_is_scored_before_anything_is_sent(ada_client: Client, steady: Challenge) -> None:
    text = shown(ada_client, "/challenges/sea-or-sky/")
    assert "Your examples are tried in 3 orders" in text
    assert "1 for up to 10 tokens of instructions and examples, 0 from 50 tokens on" in text
    assert "The words that a row template of your own puts around a sample count as well." in text
    assert "Accuracy in the worst of 3 orders" in shown(ada_client, "/leaderboards/sea-or-sky/")


def test_the_editor_shows_the_factor_and_what_the_last_run_would_score(
    ada: User, ada_client: Client, steady: Challenge
) -> None:
    def said(**changes: Any) -> str:
        return " ".join(ada_client.post("/challenges/sea-or-sky/tokens", {**FORM, **changes}).content.decode().split())

    first = said()
    assert f"<strong>{WORDS}</strong> of" in first and f"Factor <strong>{FACTOR:.2f}</strong>." in first
    assert "last run" not in first
    graded(services.start_run(ada, steady.version, PROMPT))
    assert f"With the 0.50 of your last run, the score is <strong>{0.5 * FACTOR:.2f}</strong>." in said()
    assert "Factor <strong>0.00</strong>." in said(instructions="many words " * 40)
    assert "Factor <strong>0.00</strong>." in said(template="many words " * 40 + "{input}: {output}")
    assert "Factor" not in said(kind="tune", rows='{"input": "a gull", "output": "sky"}')


def test_two_runs_are_compared_by_their_orders_and_tokens(ada: User, ada_client: Client, steady: Challenge) -> None:
    longer = {**PROMPT, "instructions": "Is it of the sea or of the sky?"}
    one, other = (services.start_run(ada, steady.version, payload) for payload in (PROMPT, longer))
    for run in (one, other):
        graded(run)
    text = shown(ada_client, f"/challenges/sea-or-sky/compare/?a={one.uuid}&b={other.uuid}")
    assert text.count("0.50 · 0.50 · 0.50") == 2
    assert f"{WORDS}, factor {FACTOR:.2f}" in text and f"{WORDS + 6}, factor {FACTOR - 6 / 40:.2f}" in text


def test_scripts_read_the_rules_and_the_parts_of_a_score(ada: User, ada_client: Client, steady: Challenge) -> None:
    found = ada_client.get("/api/v1/challenges/sea-or-sky").json()
    assert (found["orders"], found["token_budget"]) == (3, {"free": 10, "zero": 50})
    assert found["metric_title"] == "Accuracy in the worst of 3 orders, times the factor for tokens"
    plain = ada_client.get("/api/v1/challenges/ticket").json()
    assert (plain["orders"], plain["token_budget"]) == (1, None)
    run = services.start_run(ada, steady.version, PROMPT)
    graded(run)
    public = ada_client.get(f"/api/v1/runs/{run.uuid}").json()["result"]["public"]
    assert public["orders"] == [0.5, 0.5, 0.5] and public["charged"]["tokens"] == WORDS


def test_without_the_tokenizer_the_job_waits_for_another_worker(
    ada: User, steady: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    submission = factories.submit(ada, payload=PROMPT)
    monkeypatch.setattr(tokens, "counter", lambda model: None)
    worker = Worker("grade", runner=TableEngine(by_last_example))  # type: ignore[arg-type]
    assert worker.step()
    evaluation = Evaluation.objects.get(pk=submission.current.pk)
    assert (evaluation.state, evaluation.attempt) == (State.QUEUED, 0)
    assert evaluation.events.get(type="postponed").data["reason"] == "engine_misconfigured"
    assert "does not hold the tokenizer" in worker.fault and "fetch_models" in worker.fault
