from __future__ import annotations

from pathlib import Path

import pytest

from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.laboratory.models import Contribution, Prediction
from gradus.submissions import services
from gradus.submissions.models import Run
from tests import factories
from tests.api.conftest import Caller, problem
from tests.learn.findings import made_up
from tests.markup import without_drawn

RUNS = "/lessons/first/findings/few-shot/runs"


@pytest.fixture
def lesson(db: None, tmp_path: Path) -> Lesson:
    return made_up.lesson(tmp_path / "c")


def test_findings_are_open_with_their_raw_scores(open_api: Caller, lesson: Lesson) -> None:
    few, order = open_api.get("/lessons/first/findings").json()
    assert (few["id"], few["machine"], few["day"]) == ("few-shot", "Abacus, 2 cores", "2026-11-27")
    assert few["statement"] == "Few-shot reaches 0.65, 0.13 above zero-shot."
    (experiment,) = few["experiments"]
    arms = {arm["id"]: arm for arm in experiment["arms"]}
    assert [run["values"]["score"] for run in arms["few"]["runs"]] == [0.736, 0.618, 0.625, 0.61, 0.66]
    assert [arms[name]["repetitions"] for name in ("zero", "few", "lora")] == [1, 5, 0]
    claim = experiment["claims"][0]
    assert (claim["claimed"], claim["found"], claim["effect"], claim["holds"]) == ("higher", "higher", 0.129, True)
    assert (order["statement"], order["experiments"][0]["claims"][0]["effect"]) == (None, None)
    problem(open_api.get("/lessons/nothing/findings"), 404, "not_found")


def test_a_repetition_is_run_again(ada_api: Caller, ada: User, lesson: Lesson) -> None:
    response = ada_api.post(RUNS, {"repetition": 4})
    assert response.status_code == 201
    found = response.json()["runs"]
    assert [(run["purpose"], run["arm"], run["repetition"]) for run in found] == [
        ("finding", "zero", 1),
        ("finding", "few", 4),
    ]
    assert set(Run.objects.values_list("user", "finding")) == {(ada.pk, "few-shot")}
    assert ada_api.get(f"/runs/{found[0]['uuid']}").json()["status"] == "queued"
    problem(ada_api.post(RUNS, {"repetition": 4}), 409, "already_run")


def test_what_cannot_be_run(ada_api: Caller, open_api: Caller, lesson: Lesson) -> None:
    problem(open_api.post(RUNS, {}), 401, "unauthenticated")
    problem(ada_api.post(RUNS, {"repetition": 6}), 422, "no_such_repetition")
    problem(ada_api.post("/lessons/first/findings/nothing/runs", {}), 404, "not_found")
    assert not Run.objects.exists()


def finish() -> None:
    while (claimed := services.claim("interactive", worker="worker-1", profile="cpu")) is not None:
        result = factories.result_for(claimed.run, wrong=0 if claimed.run.arm == "few" else 2)
        services.record(claimed.pk, claimed.fence, services.Outcome(result=result))


def test_a_set_of_ones_own_with_a_prediction_counts_for_everybody(
    ada_api: Caller, open_api: Caller, ada: User, lesson: Lesson
) -> None:
    few, order = open_api.get("/lessons/first/findings").json()
    assert few["laboratory"] == order["laboratory"] == {"runs": 0, "effects": []}
    response = ada_api.post(RUNS, {"own_set": True, "prediction": {"arm": "few", "probability": 0.99}})
    assert response.status_code == 201
    zero, drawn = response.json()["runs"]
    assert (zero["repetition"], drawn["arm"]) == (1, "few") and drawn["repetition"] > 5
    finish()
    said = Prediction.objects.get()
    assert (said.contribution.user, said.probability, said.outcome) == (ada, 0.99, 1.0)
    found = open_api.get("/lessons/first/findings")
    (effect,) = found.json()[0]["laboratory"]["effects"]
    assert (effect["challenge"], effect["arms"], effect["measure"]) == ("sea-or-sky", ["few", "zero"], "score")
    assert (effect["sets"], effect["effect"], effect["low"], effect["high"]) == (1, 0.5, -1.0, 1.0)
    assert found.json()[0]["laboratory"]["runs"] == 1
    text = without_drawn(found.content.decode())
    assert "ada" not in text and "enchantress" not in text


def test_what_does_not_go_together(ada_api: Caller, lesson: Lesson) -> None:
    guess = {"arm": "few", "probability": 0.7}
    for wrong, code in (
        ({"own_set": True, "repetition": 2}, "not_together"),
        ({"prediction": guess}, "not_together"),
        ({"own_set": True, "prediction": {**guess, "arm": "lora"}}, "no_such_arm"),
        ({"own_set": True, "prediction": {**guess, "probability": 0.71}}, "no_such_probability"),
    ):
        problem(ada_api.post(RUNS, wrong), 422, code)
    assert not Run.objects.exists() and not Contribution.objects.exists()
