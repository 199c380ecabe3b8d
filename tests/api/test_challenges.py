from __future__ import annotations

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.courses import bundles
from gradus.courses.models import Challenge
from gradus.submissions import services
from gradus.submissions.budgets import limits
from gradus.submissions.models import Run, Slot
from tests import factories
from tests.api.conftest import Caller, problem


def test_a_challenge_for_nobody(open_api: Caller, sea_or_sky: Challenge) -> None:
    body = open_api.get("/challenges/sea-or-sky").json()
    assert (body["kind"], body["tracks"], body["pass"]) == ("prompt", ["prompt", "tune"], 0.6)
    assert [row["id"] for row in body["samples"]] == ["p0-sea", "p0-sky", "p1-sea", "p1-sky"]
    assert (body["attempts_left"], body["best"], body["hints"]) == (10, {}, [])


def test_a_challenge_for_me(ada_api: Caller, ada: User, sea_or_sky: Challenge) -> None:
    factories.grade(factories.submit(ada), 0.7)
    body = ada_api.get("/challenges/sea-or-sky").json()
    assert (body["attempts_left"], body["best"]) == (9, {"prompt": 0.7})


@pytest.mark.parametrize("slug", ["sea-or-sky", "ticket", "explain"])
def test_nothing_hidden_is_told(ada_api: Caller, course: object, slug: str) -> None:
    challenge = factories.challenge(slug)
    assert challenge.version is not None
    bundle, spec = bundles.load(challenge.version), challenge.spec
    text = ada_api.get(f"/challenges/{slug}").content.decode()
    secrets = [sample.input for sample in bundle.hidden] + [gold.answer for gold in bundle.gold]
    secrets += [spec.hints[0], bundle.solution.strip()]
    keys = spec.keys_of("free_text")
    secrets += [keys.model_answer, *(criterion.text for criterion in keys.rubric)] if keys else []
    assert len(secrets) > 2
    assert [secret for secret in secrets if secret in text] == []


def test_a_run_costs_no_attempt(ada_api: Caller, ada: User, sea_or_sky: Challenge) -> None:
    response = ada_api.post("/challenges/sea-or-sky/runs", factories.PROMPT)
    assert response.status_code == 201
    run = Run.objects.get()
    assert (run.user, run.purpose) == (ada, "trial")
    assert response["Location"] == f"/api/v1/runs/{run.uuid}"
    assert not Slot.objects.of(limits.ATTEMPTS).exists()
    factories.grade(run)
    body = ada_api.get(f"/runs/{run.uuid}").json()
    assert (body["status"], body["challenge"]) == ("scored", "sea-or-sky")
    assert [row["correct"] for row in body["result"]["public"]["rows"]] == [False, True, True, True]


def test_too_many_runs(ada_api: Caller, sea_or_sky: Challenge) -> None:
    for _ in range(6):
        assert ada_api.post("/challenges/sea-or-sky/runs", factories.PROMPT).status_code == 201
    response = ada_api.post("/challenges/sea-or-sky/runs", factories.PROMPT)
    problem(response, 429, "too_many_runs")
    assert response["Retry-After"] == "5"


def test_somebody_elses_run_is_not_there(ada: User, bob_api: Caller, sea_or_sky: Challenge) -> None:
    assert sea_or_sky.version is not None
    run = services.start_run(ada, sea_or_sky.version, factories.PROMPT)
    problem(bob_api.get(f"/runs/{run.uuid}"), 404, "not_found")
    problem(bob_api.get(f"/runs/{run.uuid}/events"), 404, "not_found")


def test_the_leaderboard(ada_api: Caller, open_api: Caller, ada: User, bob: User, sea_or_sky: Challenge) -> None:
    factories.grade(factories.submit(ada), 0.701)
    factories.grade(factories.submit(bob), 0.719)
    body = ada_api.get("/challenges/sea-or-sky/leaderboard").json()
    assert [(row["rank"], row["pseudonym"], row["score"], row["mine"]) for row in body["rows"]] == [
        (1, "enchantress", 0.7, True),
        (1, "builder", 0.7, False),
    ]
    assert body["bands"] == [{"rank": 1, "score": 0.7, "learners": 2}]
    assert (body["track"], body["tracks"], body["frozen"], body["total"]) == ("prompt", ["prompt", "tune"], False, 2)
    assert body["mine"]["pseudonym"] == "enchantress"
    assert open_api.get("/challenges/sea-or-sky/leaderboard").json()["mine"] is None
    assert ada_api.get("/challenges/sea-or-sky/leaderboard?track=tune").json()["rows"] == []


def test_a_track_that_the_challenge_does_not_have(open_api: Caller, explain: Challenge) -> None:
    problem(open_api.get("/challenges/explain/leaderboard?track=tune"), 404, "not_found")
    problem(open_api.get("/challenges/explain/leaderboard?track=x"), 422, "bad_payload")


def test_the_solution_opens_after_passing(ada_api: Caller, ada: User, sea_or_sky: Challenge) -> None:
    problem(ada_api.get("/challenges/sea-or-sky/solution"), 403, "not_passed")
    factories.grade(factories.submit(ada), 0.7)
    assert ada_api.get("/challenges/sea-or-sky/solution").json() == {"solution": "How to do it.\n"}


def test_a_dataset_is_checked_before_an_attempt(ada_api: Caller, sea_or_sky: Challenge) -> None:
    rows = [{"input": "a heron", "output": "sky"}, {"input": "A heron!", "output": "air"}]
    body = ada_api.post("/challenges/sea-or-sky/dataset", {"kind": "tune", "rows": rows}).json()
    assert (body["rows"], body["labels"]["sky"], body["duplicates"]) == (2, 1, [[1, 2]])
    assert [(item["code"], item["line"]) for item in body["problems"]] == [("unknown_label", 2)]
    assert not Slot.objects.of(limits.ATTEMPTS).exists()


def test_hints_taken_on_the_page_are_told(ada_client: Client, sea_or_sky: Challenge) -> None:
    ada_client.post("/challenges/sea-or-sky/hint")
    body = ada_client.get("/api/v1/challenges/sea-or-sky").json()
    assert (body["hints"], body["hints_total"]) == ([sea_or_sky.spec.hints[0]], 3)
