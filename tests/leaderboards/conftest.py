from __future__ import annotations

import pytest

from gradus.accounts.models import User
from gradus.courses.models import Challenge
from tests import factories


@pytest.fixture
def teacher(sea_or_sky: Challenge) -> User:
    made = factories.UserFactory.create(username="turing", email="turing@example.org", pseudonym="teacher")
    factories.enrol(made, sea_or_sky.course, factories.TEACHER)
    return made
