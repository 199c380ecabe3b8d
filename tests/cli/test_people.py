"""The commands of owners against a live site, over HTTP."""

from __future__ import annotations

import json

import pytest
from allauth.account.models import EmailAddress

from gradus.accounts.models import ApiToken, Enrolment, User
from gradus.accounts.token_rules import Content, LearnerData, Scope
from gradus.courses.models import Course
from gradus.teach import people
from gradus.teach.models import Invitation
from tests import factories
from tests.cli.conftest import Gradus

# Each command that can print JSON, with a key of what it prints; in this order.
JSON_CALLS: dict[str, tuple[list[str], str]] = {
    "course invite": (["tiny", "lena@example.org", "--content", "viewer"], "link"),
    "course listing": (["tiny", "unlisted"], "is_published"),
    "course people": (["tiny"], "invitations"),
    "course role": (["tiny", "bob@example.org", "--content", "viewer"], "content"),
}
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("home")]


@pytest.fixture
def as_owner(ada: User, course: Course, monkeypatch: pytest.MonkeyPatch) -> User:
    factories.enrol(ada, course, Scope(Content.OWNER, LearnerData.EDITOR))
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(ada, "tests", Scope(Content.OWNER))[1])
    return ada


def test_an_owner_invites_changes_and_removes(gradus: Gradus, as_owner: User, bob: User, course: Course) -> None:
    EmailAddress.objects.create(user=bob, email=bob.email, verified=True)
    done = gradus("course", "invite", "tiny", bob.email, "--content", "viewer")
    assert done.exit_code == 0 and "is invited until" in done.output
    link = done.output.split()[-1]
    assert gradus("course", "invite", "tiny", bob.email, "--content", "viewer").exit_code == 1
    listed = json.loads(gradus("course", "people", "tiny", "--json").output)
    assert [one["email"] for one in listed["invitations"]] == [bob.email]
    people.accept(link.rstrip("/").rpartition("/")[2], by=bob)
    shown = gradus("course", "people", "tiny").output
    assert bob.email in shown and "viewer" in shown and "Invited" not in shown
    done = gradus("course", "role", "tiny", bob.email, "--learner-data", "editor")
    assert done.exit_code == 0, done.output
    assert Enrolment.objects.get(user=bob).scope == Scope(Content.VIEWER, LearnerData.EDITOR)
    assert gradus("course", "remove", "tiny", bob.email).exit_code == 0
    assert not Enrolment.objects.filter(user=bob).exists()


def test_an_invitation_is_withdrawn(gradus: Gradus, as_owner: User, course: Course) -> None:
    made = json.loads(gradus("course", "invite", "tiny", "lena@example.org", "--content", "editor", "--json").output)
    assert made["link"].startswith("http") and made["content"] == "editor"
    done = gradus("course", "remove", "tiny", "lena@example.org")
    assert done.exit_code == 0 and "withdrawn" in done.output
    assert Invitation.objects.get().withdrawn_at is not None


def test_every_command_prints_json_alone(gradus: Gradus, as_owner: User, bob: User, course: Course) -> None:
    factories.enrol(bob, course, Scope(Content.EDITOR))
    for name, (given, key) in JSON_CALLS.items():
        assert key in json.loads(gradus(*name.split(), *given, "--json").stdout), name


def test_a_wrong_name_is_told_the_known_ones(gradus: Gradus, as_owner: User, course: Course) -> None:
    wrong = gradus("course", "role", "tiny", "nobody@example.org", "--content", "viewer")
    assert wrong.exit_code == 2 and as_owner.email in wrong.output
    level = gradus("course", "invite", "tiny", "lena@example.org", "--content", "boss")
    assert level.exit_code == 2 and "previewer" in level.output


def test_the_last_owner_cannot_leave_and_a_viewer_can(
    gradus: Gradus, as_owner: User, bob: User, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = gradus("course", "leave", "tiny")
    assert done.exit_code == 1 and "only owner" in done.output
    assert gradus("course", "role", "tiny", as_owner.email, "--content", "viewer").exit_code == 1
    factories.enrol(bob, course, Scope(Content.VIEWER))
    # To leave is to do less: any token of one's own will do.
    monkeypatch.setenv("GRADUS_TOKEN", ApiToken.issue(bob, "tests")[1])
    assert gradus("course", "leave", "tiny").exit_code == 0
    assert not Enrolment.objects.filter(user=bob).exists()
    assert gradus("course", "people", "tiny").exit_code == 1
