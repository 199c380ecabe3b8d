"""A class with three learners in two sections, and an instructor of the course."""

from __future__ import annotations

import pytest
from django.test import Client

from gradus.accounts.models import User
from gradus.classes.models import Class, Member
from gradus.courses.models import Course
from tests import factories
from tests.conftest import logged_in


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course)


@pytest.fixture
def ann(evening: Class, ada: User) -> Member:
    names = {"first_name": "Ada", "last_name": "Lovelace", "registration_number": "0012345", "email": ada.email}
    return factories.member(evening, ada, labels=["Section A"], **names)


@pytest.fixture
def ben(evening: Class, bob: User) -> Member:
    return factories.member(evening, bob, labels=["Section B"], first_name="Bob", last_name="Builder")


@pytest.fixture
def eve(evening: Class) -> Member:
    """A learner without an account."""
    return factories.member(evening, email="eve@example.org", labels=["Section B"])


@pytest.fixture
def teacher(course: Course) -> User:
    made = factories.UserFactory.create(username="turing", email="turing@example.org", pseudonym="teacher")
    factories.enrol(made, course, factories.TEACHER)
    return made


@pytest.fixture
def teacher_client(teacher: User) -> Client:
    return logged_in(teacher)
