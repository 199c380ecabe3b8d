"""A registered platform with an approved deployment, one of whose courses is a class."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from gradus import outgoing
from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.lti import keys, sending, services
from gradus.lti.models import Context, Deployment, Platform
from tests import factories
from tests.lti.gradebook import Gradebook, launched
from tests.lti.platform import Moodle, private_key
from tests.lti.roster import URL, Service


@pytest.fixture
def moodle(monkeypatch: pytest.MonkeyPatch) -> Moodle:
    made = Moodle()
    monkeypatch.setattr(outgoing, "send", made.send)
    # Making a key takes a tenth of a second.
    monkeypatch.setattr(keys, "generate_private_key", lambda **_size: private_key("of this site"))
    return made


@pytest.fixture
def operator(db: None) -> User:
    return factories.UserFactory.create(username="operator", is_staff=True)


@pytest.fixture
def platform(moodle: Moodle, operator: User) -> Platform:
    return services.add(by=operator, **moodle.form)


@pytest.fixture
def of_class(platform: Platform, operator: User, tmp_path: Path) -> Class:
    course = factories.tiny_course(tmp_path / "tiny")
    made = factories.a_class(course)
    deployment = Deployment.objects.create(platform=platform, deployment_id="1")
    services.approve(deployment, by=operator)
    context = Context.objects.create(deployment=deployment, context_id="course-7", title="Models of language")
    services.connect(context, made, by=operator)
    return made


@pytest.fixture
def visitor() -> Client:
    return Client()


@pytest.fixture(autouse=True)
def no_tokens() -> None:
    sending.tokens.clear()


@pytest.fixture
def book(moodle: Moodle, of_class: Class, monkeypatch: pytest.MonkeyPatch) -> Gradebook:
    """The platform's gradebook. Ada has come from the platform once."""
    made = Gradebook(moodle)
    monkeypatch.setattr(outgoing, "send", made.send)
    launched(moodle)
    return made


@pytest.fixture
def ada_there(book: Gradebook, of_class: Class) -> Member:
    return of_class.members.get()


@pytest.fixture
def service(moodle: Moodle, of_class: Class, monkeypatch: pytest.MonkeyPatch) -> Service:
    made = Service(moodle)
    monkeypatch.setattr(outgoing, "send", made.send)
    return made


@pytest.fixture
def context(service: Service, of_class: Class) -> Context:
    Context.objects.update(roster_url=URL)
    return Context.objects.select_related("of_class", "deployment__platform").get()
