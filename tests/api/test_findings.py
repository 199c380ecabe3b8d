from __future__ import annotations

from pathlib import Path

import pytest

from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.submissions.models import Run
from tests.api.conftest import Caller, problem
from tests.learn.findings import made_up

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
