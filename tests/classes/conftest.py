from __future__ import annotations

import pytest

from gradus.accounts.models import User
from gradus.classes.models import Class
from gradus.courses.models import Course
from tests import factories


@pytest.fixture
def teacher(course: Course) -> User:
    """Decides about grades in the course."""
    person = factories.UserFactory.create(username="tess", email="tess@example.org", pseudonym="tutor")
    factories.enrol(person, course, factories.TEACHER)
    return person


@pytest.fixture
def evening(course: Course) -> Class:
    return factories.a_class(course)
