"""Runs of submissions on the public rows of a course's draft, or of what is live, for its authors.

They wait in the queue as learners' runs do, and count as such. Changes that are in no draft yet are not part of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from challenges.bundle import ChallengeBundle
from challenges.files.source import Source
from challenges.kinds import registry as kinds
from challenges.reading import read_payload
from gradus.accounts.models import User
from gradus.courses import archives, publishing
from gradus.courses.models import ChallengeVersion, Course, CourseVersion
from gradus.refusal import Refused
from gradus.studio import workspace
from gradus.submissions.models import Run
from gradus.submissions.services import start_run

# What was typed lies under this name in the folder of the challenge while it is read.
TYPED = "typed-in-the-studio.yaml"


@dataclass(frozen=True)
class Tried:
    """A challenge of the draft, or of what is live. `path` is its folder in the course."""

    path: str
    course_version: CourseVersion
    version: ChallengeVersion
    bundle: ChallengeBundle

    @property
    def baselines(self) -> list[str]:
        return [one.ref.file for one in self.bundle.baselines]


def tried_in(course: Course) -> dict[str, Tried]:
    """Returns the challenges that have public rows, by their folder in the course."""
    base = workspace.base_of(course)
    if base is None:
        return {}
    rows = {one.challenge.name: one for one in publishing.versions_in(base)}
    found = {}
    for lesson in publishing.bundle_of(base).lessons:
        for bundle in lesson.challenges:
            path, row = f"{lesson.id}/{bundle.challenge.id}", rows.get(bundle.challenge.id)
            if row is not None:
                # As in a preview: what asks the challenge for its content reads that of the draft. It is not saved.
                row.challenge.version = row
            if row is not None and kinds.find(bundle.challenge.kind).has_samples:
                found[path] = Tried(path, base, row, bundle)
    return found


def run_baseline(tried: Tried, file: str, *, by: User) -> Run:
    """Queues a run of one of the challenge's baselines. Raises what `start_run` raises."""
    baseline = next(one for one in tried.bundle.baselines if one.ref.file == file)
    return _run(tried, baseline.payload.model_dump(mode="json"), by)


def run_typed(tried: Tried, text: str, *, by: User) -> Run:
    """Queues a run of a submission that is written as a baseline's file is, in YAML.

    Raises:
        Refused: 422 with every problem and its line; and what `start_run` raises.
    """
    with archives.unpacked(tried.course_version) as folder:
        place = folder / tried.path
        (place / TYPED).write_text(text)
        source = Source(place)
        payload = read_payload(source, "", TYPED)
    if payload is None or source.problems:
        problems = [_problem(one.line, f"{one.what}: {one.fix}") for one in source.problems]
        raise Refused("bad_payload", problems[0]["message"] if problems else "", 422, problems)
    return _run(tried, payload.model_dump(mode="json"), by)


def _problem(line: int | None, message: str) -> dict[str, Any]:
    said = f"{line}: {message}." if line else f"{message}."
    return {"code": "bad_payload", "field": "text", "message": said}


def _run(tried: Tried, payload: dict[str, Any], by: User) -> Run:
    return start_run(by, tried.version, payload)
