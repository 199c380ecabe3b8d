"""Rows of an own run over the API."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions.models import Run, Submission
from tests import factories
from tests.api.conftest import Caller, problem
from tests.own_run.course import published, quoting, ran

LIST, SUBMIT = "/challenges/explain/own-runs", "/challenges/explain/submissions"


@pytest.fixture
def run(ada: User, tmp_path: Path) -> Run:
    published(tmp_path / "tiny")
    return ran(ada)


def test_the_list_is_what_a_payload_takes(ada_api: Caller, bob_api: Caller, run: Run) -> None:
    (listed,) = ada_api.get(LIST).json()
    assert (listed["run"], listed["purpose"]) == (str(run.uuid), "run")
    own = {"run": listed["run"], "digest": listed["digest"], "rows": listed["rows"][:2]}
    assert own == quoting(run)["own_run"]
    assert ada_api.post(SUBMIT, {**factories.FREE_TEXT, "own_run": own}).status_code == 201
    assert bob_api.get(LIST).json() == []


def test_the_list_is_empty_where_nothing_is_asked_for(ada: User, ada_api: Caller, course: Course) -> None:
    ran(ada)
    assert ada_api.get(LIST).json() == []
    assert ada_api.get("/challenges/none/own-runs").status_code == 404


def test_somebody_elses_run_is_refused(bob_api: Caller, run: Run) -> None:
    body = problem(bob_api.post(SUBMIT, quoting(run)), 422, "not_your_run")
    assert [(one["field"], one["code"]) for one in body["problems"]] == [("own_run", "not_your_run")]
    assert not Submission.objects.exists()
