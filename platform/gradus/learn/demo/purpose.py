"""The demo as what a run is for: one answer of the three that a lesson shows, to a text that a visitor wrote."""

from __future__ import annotations

from typing import Any

from challenges.jobs import StoredFile
from challenges.payloads import Submitted
from gradus.accounts.models import User
from gradus.classes import access
from gradus.courses import bundles
from gradus.courses.models import ChallengeVersion
from gradus.submissions.models import Run
from gradus.submissions.services.purpose import Purpose

# The files of an adapter, in its folder of the lesson.
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")


class DemoAnswer(Purpose):
    """A run on a text that takes the place of the public samples, perhaps with an adapter of the lesson's files."""

    name = "demo"

    def parsed(self, user: User | None, version: ChallengeVersion, data: Any) -> Submitted:
        access.refuse_unless_seen(user, version.challenge)
        return super().parsed(user, version, data)

    def load(self, run: Run) -> dict[str, Any]:
        if not run.adapter:
            return {}
        digest = run.version.challenge.lesson.digest
        paths = [bundles.lesson_path(digest, f"{run.adapter}/{name}") for name in ADAPTER_FILES]
        return {"files": tuple(StoredFile("private", path) for path in paths), "can_load": True}
