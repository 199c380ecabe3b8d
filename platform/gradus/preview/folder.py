"""Reads and checks an author's folder again and again: what has changed is read, and the rest is kept."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.files.source import Source
from challenges.lesson.spec import Course, Lesson
from challenges.lint.run import MARKERS, Linted, inspect, inspect_across, joined
from challenges.problems import Problem, said_once
from challenges.reading import GatheredCourse, GatheredLesson, gather_challenge, gather_course, gather_lesson
from challenges.spec import SLUG

COURSE, LESSON, CHALLENGE = MARKERS
MINUTES = 20
SKIPPED = ("__pycache__", "node_modules")
# A file's time of change in nanoseconds, its size and its number in the file system, by its path in the folder.
Stamps = Mapping[str, tuple[int, int, int]]


@dataclass(frozen=True)
class Reading:
    """What a look at the folder gave: a bundle, or the problems because of which there is none."""

    stamps: Stamps
    bundle: CourseBundle | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class KeptLesson:
    stamps: Stamps
    gathered: GatheredLesson
    problems: tuple[Problem, ...]


class Folder:
    """The folder of a course, a lesson or a challenge. A course is put around a lesson or a challenge alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.marker = next((name for name in MARKERS if (root / name).exists()), CHALLENGE)
        self._lessons: dict[str, KeptLesson] = {}
        self._linted: dict[str, tuple[Stamps, Linted]] = {}

    def look(self) -> Stamps:
        return dict(_stamps(self.root))

    def read(self, stamps: Stamps) -> Reading:
        """Reads what has changed since the last call."""
        source = Source(self.root)
        bundle = self._bundle(source, stamps)
        problems = tuple(said_once(source.problems))
        return Reading(stamps, None if problems else bundle, problems)

    def _bundle(self, source: Source, stamps: Stamps) -> CourseBundle | None:
        if self.marker == COURSE:
            return self._course(source, stamps).bundle()
        if self.marker == LESSON:
            lesson = gather_lesson(source, "").bundle()
            return None if lesson is None else around_lesson(lesson)
        challenge = gather_challenge(source, "")
        return None if challenge is None else around_challenge(challenge)

    def _course(self, source: Source, stamps: Stamps) -> GatheredCourse:
        def gather(source: Source, name: str) -> GatheredLesson:
            kept, mine = self._lessons.get(name), _below(stamps, name)
            if kept is None or kept.stamps != mine:
                alone = Source(self.root)
                kept = self._lessons[name] = KeptLesson(mine, gather_lesson(alone, name), tuple(alone.problems))
            source.problems += kept.problems
            return kept.gathered

        return gather_course(source, gather)

    def lint(self, stamps: Stamps, is_stale: Callable[[], bool]) -> Linted | None:
        """Checks what has changed since the last call, and what only the whole folder can show.

        Returns None as soon as `is_stale` says that the folder has changed again.
        """
        if self.marker != COURSE:
            return self._lint_part("", stamps)
        source = Source(self.root)
        course = self._course(source, stamps)
        parts = [inspect_across(source, course)]
        for lesson in course.lessons:
            if is_stale():
                return None
            parts.append(self._lint_part(lesson.rel, stamps))
        return joined(parts)

    def _lint_part(self, name: str, stamps: Stamps) -> Linted:
        """What `inspect` finds in a lesson's folder, or for an empty name in the whole folder."""
        mine = _below(stamps, name) if name else stamps
        kept = self._linted.get(name)
        if kept is None or kept[0] != mine:
            kept = self._linted[name] = mine, _named(name, inspect(self.root / name))
        return kept[1]


def around_lesson(lesson: LessonBundle) -> CourseBundle:
    """Returns a course with this lesson alone."""
    name = lesson.id if re.fullmatch(SLUG, lesson.id) else "lesson"
    shown = replace(lesson, id=name, lesson=lesson.lesson.model_copy(update={"requires": ()}))
    course = Course.model_validate(
        {
            "schema": 1,
            "id": "preview",
            "version": "0.0.1",
            "title": lesson.lesson.title,
            "summary": lesson.lesson.summary,
            "lessons": [name],
        }
    )
    return CourseBundle(course, (shown,))


def around_challenge(challenge: ChallengeBundle) -> CourseBundle:
    """Returns a course with one lesson that has this challenge and no text."""
    spec = challenge.challenge
    lesson = Lesson(title=spec.title, summary=spec.title, minutes=MINUTES, challenges=(spec.id,))
    return around_lesson(LessonBundle("lesson", lesson, "", (challenge,)))


def _stamps(root: Path) -> Iterator[tuple[str, tuple[int, int, int]]]:
    """Yields the stamps of all files but hidden ones. A file that vanishes meanwhile is left out."""
    for path, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED]
        for name in files:
            if name.startswith("."):
                continue
            file = Path(path, name)
            try:
                found = file.lstat()
            except OSError:
                continue
            yield file.relative_to(root).as_posix(), (found.st_mtime_ns, found.st_size, found.st_ino)


def _below(stamps: Stamps, name: str) -> Stamps:
    return {path: stamp for path, stamp in stamps.items() if path.startswith(f"{name}/")}


def _named(name: str, linted: Linted) -> Linted:
    """The same with the files named from the folder above."""

    def moved(problems: list[Problem]) -> list[Problem]:
        return [replace(one, file=f"{name}/{one.file}" if name else one.file) for one in problems]

    return replace(linted, problems=moved(linted.problems), advice=moved(linted.advice))
