"""The commands of people who teach a class, and of learners who join one, against a live site."""

from __future__ import annotations

import json

import pytest

from gradus.accounts.models import ApiToken, User
from gradus.accounts.token_rules import LearnerData, Scope
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints; in this order.
JSON_CALLS: dict[str, tuple[list[str], str]] = {
    "class new": (["tiny", "Autumn"], "id"),
    "class list": ([], "classes"),
    "class show": (["{id}"], "learners"),
    "class code": (["{id}", "2199-01-01T00:00"], "join_code"),
    "class add": (["{id}", "ann@example.org"], "mailed"),
    "class members": (["{id}"], "members"),
}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def as_teacher(ada: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> User:
    factories.enrol(ada, course, factories.TEACHER)
    token = ApiToken.issue(ada, "tests", Scope(learner_data=LearnerData.EDITOR))[1]
    monkeypatch.setenv("GRADUS_TOKEN", token)
    return ada


def test_a_class_is_made_and_somebody_joins_and_leaves(
    gradus: Gradus, as_teacher: User, bob: User, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = gradus("class", "new", "tiny", "Autumn", "--timezone", "Europe/Vienna", "--begin", "2020-10-05T09:00")
    assert done.exit_code == 0, done.output
    made = Class.objects.get()
    assert made.begins_at.isoformat() == "2020-10-05T07:00:00+00:00"
    number = str(made.pk)
    assert gradus("class", "code", number).exit_code == 2
    done = gradus("class", "code", number, "2199-01-01T00:00")
    assert done.exit_code == 0 and "/join/" in done.output
    code = Class.objects.get().join_code
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(bob, "tests")[1])
    assert gradus("class", "join", "nothing").exit_code == 1
    joined = gradus("class", "join", code)
    assert joined.exit_code == 0 and "Autumn" in joined.output
    assert "learner" in gradus("class", "list").output
    assert "Join link" not in gradus("class", "show", number).output
    assert gradus("class", "members", number).exit_code == 1
    assert gradus("class", "leave", number).exit_code == 0
    assert Member.objects.get(user=bob).state == "left"


def test_members_are_added_listed_and_removed(gradus: Gradus, as_teacher: User, course: Course) -> None:
    number = str(factories.a_class(course).pk)
    emails = ("ann@example.org", "ben@example.org")
    done = gradus("class", "add", number, *emails, "--label", "Section 1", "--role", "assistant", "--no-mail")
    assert done.exit_code == 0 and "0 told by mail" in done.output, done.output
    shown = gradus("class", "members", number, "--label", "section 1").output
    assert "ann@example.org" in shown and "assistant" in shown and "no account yet" in shown
    refused = gradus("class", "remove", number, "nobody@example.org")
    assert refused.exit_code == 1 and "has no member “nobody@example.org”" in refused.output
    assert gradus("class", "remove", number, "ann@example.org").exit_code == 0
    assert "ann@example.org" in gradus("class", "members", number, "--left").output


def test_every_command_prints_json_alone(gradus: Gradus, as_teacher: User) -> None:
    number = ""
    for name, (given, key) in JSON_CALLS.items():
        words = [word.format(id=number) for word in given]
        printed = json.loads(gradus(*name.split(), *words, "--json").stdout)
        assert key in printed, name
        number = number or str(printed["id"])
