"""`gradus challenge rejudge` against a live site."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result
from pytest_django.live_server_helper import LiveServer
from typer.testing import CliRunner

from gradus.accounts.models import ApiToken, User
from gradus.cli.main import app
from gradus.courses.models import Challenge
from gradus.reviews.models import Regrade
from gradus.submissions.models import Submission
from tests.factories import REVIEWING
from tests.reviews import cases
from tests.reviews.cases import ALL_MET, NONE_MET

pytestmark = pytest.mark.django_db(transaction=True)
Rejudge = Callable[..., Result]


@pytest.fixture
def rejudge(monkeypatch: pytest.MonkeyPatch, live_server: LiveServer) -> Rejudge:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GRADUS_URL", live_server.url)
    return lambda *words: CliRunner().invoke(app, ["challenge", "rejudge", "explain", *words])


@pytest.fixture
def as_grace(grace: User, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(grace, "tests", REVIEWING)[1])
    return grace


@pytest.fixture
def submission(explain: Challenge, ada: User) -> Submission:
    return cases.final(ada, NONE_MET)


def test_a_dry_run_shows_and_an_approval_changes(rejudge: Rejudge, as_grace: User, submission: Submission) -> None:
    assert "1 waiting" in rejudge("--dry-run", "--no-wait", "--note", "New judge").output
    cases.work_off(ALL_MET)
    shown = rejudge("--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "1 raised; passes gained 1, lost 0" in shown.output
    (line,) = [line for line in shown.output.splitlines() if line.startswith(str(submission.uuid))]
    assert line.split()[1:] == ["0.00", "1.00", "raised"]
    (row,) = [line for line in shown.output.splitlines() if line.startswith("not_met")]
    assert row.split() == ["not_met", "3", "0", "0", "0"]
    assert submission.current.score.shown == 0.0
    assert "1 adopted" in rejudge("--approve").output
    assert submission.current.score.shown == 1.0
    assert Regrade.objects.get().note == "New judge"


def test_discarding_changes_nothing(rejudge: Rejudge, as_grace: User, submission: Submission) -> None:
    rejudge("--dry-run", "--no-wait")
    assert "No grade has changed" in rejudge("--discard").output
    assert Regrade.objects.get().outcome == "discarded"
    assert submission.current.score.shown == 0.0


def test_without_an_open_run(rejudge: Rejudge, as_grace: User, submission: Submission) -> None:
    done = rejudge("--approve")
    assert (done.exit_code, "--dry-run" in done.output) == (1, True)


def test_one_of_three(rejudge: Rejudge) -> None:
    assert rejudge().exit_code == 2
    assert rejudge("--dry-run", "--approve").exit_code == 2


def test_learners_cannot(rejudge: Rejudge, submission: Submission, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests")[1])
    assert rejudge("--dry-run").exit_code == 1
    assert not Regrade.objects.exists()
