"""Staff take out listed columns only, by the command line and the admin alike, and the log says who took what."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command, get_commands
from django.test import Client

from gradus import csv_files
from gradus.accounts.models import ApiToken, StaffAction, User
from gradus.courses.models import Challenge
from gradus.submissions.models import Score, Standing, Submission
from gradus.submissions.results.exports import EXPORTS
from tests import factories
from tests.conftest import logged_in

SECRET = ("password", "token", "digest", "session", "payload", "private", "raw", "result", "value", "request", "sha256")


def exported(name: str) -> str:
    out = io.StringIO()
    call_command("export", name, stdout=out)
    return out.getvalue()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def graded(ada: User, sea_or_sky: Challenge) -> Submission:
    ApiToken.issue(ada, "laptop")
    factories.grade(made := factories.submit(ada), 0.7199)
    return made


def test_the_command_prints_what_is_listed_and_leaves_an_entry(graded: Submission) -> None:
    (submission,), (score,), (standing,) = (rows(exported(name)) for name in ("submissions", "scores", "standings"))
    assert (submission["submission"], submission["learner"]) == (str(graded.uuid), "enchantress")
    assert (submission["challenge"], submission["version"], submission["kind"]) == ("sea-or-sky", "1.0.0", "prompt")
    assert (score["submission"], score["score"], score["verified_by"]) == (str(graded.uuid), "0.7", "code")
    assert (standing["email"], standing["score"], standing["passed"]) == ("ada@example.org", "0.7", "True")
    entries = StaffAction.objects.filter(what="data_exported").order_by("pk")
    assert [(one.about, one.via, one.details["rows"]) for one in entries] == [
        (name, "shell", 1) for name in ("submissions", "scores", "standings")
    ]
    assert entries[0].details["columns"] == list(EXPORTS["submissions"].columns)


@pytest.mark.parametrize("name", EXPORTS)
def test_no_secret_and_nothing_that_a_learner_wrote_goes_out(name: str, ada: User, graded: Submission) -> None:
    User.objects.filter(pk=ada.pk).update(pseudonym="=HYPERLINK(1)")
    text = exported(name)
    assert rows(text)[0]["learner"] == "'=HYPERLINK(1)", "a cell is no formula of a spreadsheet"
    hidden = [ada.password, graded.payload["instructions"], graded.payload_sha256, graded.idempotency_key, "0.7199"]
    assert text.count("\n") == 2 and not [secret for secret in hidden if secret in text]
    assert not [path for path in EXPORTS[name].columns.values() if any(word in str(path) for word in SECRET)]


@pytest.mark.parametrize("cell", ["=1+1", "+43 1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "  =1+1"])
def test_a_formula_becomes_text_and_can_be_read_again_and_a_number_or_a_text_stays(cell: str) -> None:
    assert csv_files.text_of([[cell]]).strip('"\n') == f"'{cell}"
    assert csv_files.NEUTRALISED.sub("", f"'{cell}", count=1) == cell
    for plain in ("-1", "-0.25", "1", "a=1", "'", ""):
        assert csv_files.neutral(plain) == plain


@pytest.mark.parametrize("asked", [("accounts.User",), ("accounts.ApiToken",), ("CSV", "accounts.User"), ("../x",)])
def test_nothing_else_is_exported(db: None, asked: tuple[str, ...]) -> None:
    """As `django-import-export`'s own command did with every model, password hashes among them."""
    with pytest.raises(CommandError):
        call_command("export", *asked)
    assert not StaffAction.objects.filter(what="data_exported").exists()
    assert get_commands()["export"] == "gradus.submissions" and "import" not in get_commands()


def act(client: Client, model: str, chosen: list[int]) -> Any:
    return client.post(f"/admin/submissions/{model}/", {"action": "export", "_selected_action": chosen})


def test_the_admin_exports_what_was_chosen_and_leaves_an_entry(
    grace: User, grace_client: Client, bob: User, graded: Submission
) -> None:
    factories.submit(bob)
    answer = act(grace_client, "submission", [graded.pk])
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert [row["learner"] for row in rows(answer.content.decode())] == ["enchantress"]
    entry = StaffAction.objects.get(what="data_exported")
    assert (entry.user_id, entry.via, entry.about, entry.details["rows"]) == (grace.pk, "page", "submissions", 1)
    for model in (Score, Standing):
        answer = act(grace_client, model._meta.model_name, [model._default_manager.get().pk])
        assert rows(answer.content.decode())[0]["score"] == "0.7"


def test_a_colleague_without_the_right_exports_nothing(graded: Submission) -> None:
    colleague = factories.UserFactory.create(is_staff=True)
    client = logged_in(colleague)
    assert act(client, "submission", [graded.pk]).status_code == 403
    colleague.user_permissions.add(Permission.objects.get(codename="view_standing"))
    assert act(client, "submission", [graded.pk]).status_code == 403
    assert not StaffAction.objects.filter(what="data_exported").exists()
