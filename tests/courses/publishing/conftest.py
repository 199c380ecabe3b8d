"""A course on disk that is pushed as an author would, without the way through the API."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from challenges.authoring.archive import pack
from gradus.accounts.models import User
from gradus.courses import publishing
from gradus.courses.publishing import Pushed
from tests.challenges.factory import write_course

Push = Callable[..., Pushed]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_course(tmp_path / "mine")


@pytest.fixture
def push(folder: Path, grace: User) -> Push:
    """Pushes the folder, by default as Grace."""

    def do(by: User = grace, path: Path = folder, **options: Any) -> Pushed:
        with io.BytesIO() as file:
            pack(path, file)
            return publishing.push(path, file, by=by, course_slug="tiny", **options)

    return do
