"""The tiny course with changes to one challenge, published, for tests that follow CONTRIBUTING."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from challenges.reading import read_course
from gradus.courses.services import publish
from tests.challenges import factory


def published(folder: Path, **changes: Any) -> Path:
    """Publishes the course with `changes` to the challenge `sea-or-sky`; returns that challenge's folder."""
    factory.write_course(folder)
    factory.write_prompt_challenge(folder / "first" / "sea-or-sky", **changes)
    publish(read_course(folder))
    return folder / "first" / "sea-or-sky"
