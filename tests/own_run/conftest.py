from __future__ import annotations

from pathlib import Path

import pytest

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.submissions.models import Run
from tests.own_run import course


@pytest.fixture
def asking(db: None, tmp_path: Path) -> Course:
    return course.published(tmp_path / "tiny")


@pytest.fixture
def run(asking: Course, ada: User) -> Run:
    return course.ran(ada)
