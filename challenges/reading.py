"""Reads the folder of a course, a lesson or a challenge as a bundle, or reports all of its problems at once."""

from __future__ import annotations

from pathlib import Path

from challenges.bundle import ChallengeBundle, CourseBundle, LessonBundle
from challenges.files.folders import gather_challenge, gather_course, gather_lesson
from challenges.files.source import Source
from challenges.problems import Problem, said_once


class BundleErrors(Exception):
    """Raised once for a whole folder; `problems` holds everything that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = said_once(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def read_challenge(path: Path | str) -> ChallengeBundle:
    """Reads the folder of a challenge. Raises `BundleErrors` with all problems."""
    source = Source(Path(path))
    bundle = gather_challenge(source, "")
    if bundle is None or source.problems:
        raise BundleErrors(source.problems)
    return bundle


def read_lesson(path: Path | str) -> LessonBundle:
    """Reads the folder of a lesson with its challenges. Raises `BundleErrors` with all problems."""
    source = Source(Path(path))
    bundle = gather_lesson(source, "").bundle()
    if bundle is None or source.problems:
        raise BundleErrors(source.problems)
    return bundle


def read_course(path: Path | str) -> CourseBundle:
    """Reads the folder of a course with all lessons and challenges. Raises `BundleErrors` with all problems."""
    source = Source(Path(path))
    bundle = gather_course(source).bundle()
    if bundle is None or source.problems:
        raise BundleErrors(source.problems)
    return bundle
