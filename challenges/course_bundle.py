"""A course with its lessons, and with all that their folders hold. `challenges.reading` reads it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from challenges.bundle import ChallengeBundle, sha256_of
from challenges.findings.spec import Finding, Records, dump_records
from challenges.lesson.spec import Course, Lesson
from challenges.payloads import Submitted, sha256
from challenges.spec import dump


@dataclass(frozen=True)
class LessonBundle:
    """A lesson with its challenges. `files` are the demo's and the illustrations', by path in the lesson.

    `records` holds what `gradus challenge prove` measured of the `findings`. `arms` are the submissions that the arms
    of findings name, by the challenge's id and the file's path in its folder.
    """

    id: str
    lesson: Lesson
    text: str
    challenges: tuple[ChallengeBundle, ...]
    measured: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    records: Records = field(default_factory=Records)
    arms: dict[tuple[str, str], Submitted] = field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """Returns everything that the course's digest covers, as JSON values."""
        return {
            "id": self.id,
            "lesson": dump(self.lesson),
            "text": self.text,
            "challenges": [[c.digest, c.statement, c.solution] for c in self.challenges],
            "measured": self.measured,
            "files": {name: hashlib.sha256(data).hexdigest() for name, data in self.files.items()},
            # Findings came later than the format: a lesson without them keeps its digest.
            **({"findings": [dump(f) for f in self.findings]} if self.findings else {}),
            **({"records": dump_records(self.records)} if self.records.findings else {}),
            **({"arms": self._arms()} if self.arms else {}),
        }

    def _arms(self) -> dict[str, str]:
        return {f"{challenge}/{file}": sha256(payload) for (challenge, file), payload in self.arms.items()}


@dataclass(frozen=True)
class CourseBundle:
    """A course with its lessons in order. `digest` covers everything in it."""

    course: Course
    lessons: tuple[LessonBundle, ...]
    digest: str = ""

    @property
    def challenges(self) -> list[ChallengeBundle]:
        """All challenges, in the order of the path."""
        return [challenge for lesson in self.lessons for challenge in lesson.challenges]

    def __post_init__(self) -> None:
        if not self.digest:
            content = {"course": dump(self.course), "lessons": [lesson.content() for lesson in self.lessons]}
            object.__setattr__(self, "digest", sha256_of(content))
