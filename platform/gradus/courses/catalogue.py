"""Caches the published courses, lessons and challenges in each process until they change.

Content is published in whole bundles, which sets `updated_at` of the course, as a new leaderboard does when it begins,
and admins can edit courses only. So one small query for the rows of the courses shows whether the cache is still valid.
The cache holds only what is equal for all visitors. Threads share its objects, so requests must not change them. What
one person sees otherwise never gets into the cache: in the preview of a draft, it is put in place of the live course
for one request; and courses that are not listed are left out of what a request reads for a person who may not open
them, or does not find them in lists.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from django.db.models.signals import post_delete, post_save
from django.http import Http404

from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson

Shown = TypeVar("Shown")
Stamp = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Edition:
    """The published courses, oldest first, with the current lessons and challenges by address, in order of position.

    Lessons whose challenges are all drafts are left out, and so are courses with such lessons only. A course has its
    lessons as `current_lessons`, and a lesson has its challenges as `current_challenges`.
    """

    courses: tuple[Course, ...]
    lessons: Mapping[str, Lesson]
    challenges: Mapping[str, Challenge]

    def course(self, slug: str) -> Course:
        """Returns a published course. Raises `Http404` if there is none with this slug."""
        return _noted(_found({course.slug: course for course in self.courses}, slug))

    def lesson(self, slug: str) -> Lesson:
        """Returns a current lesson. Raises `Http404` if there is none with this address."""
        lesson = _found(self.lessons, slug)
        _noted(lesson.course)
        return lesson

    def challenge(self, slug: str) -> Challenge:
        """Returns a current challenge. Raises `Http404` if there is none with this address."""
        challenge = _found(self.challenges, slug)
        _noted(challenge.course)
        return challenge

    def challenge_named(self, course: Course, name: str) -> Challenge | None:
        """Returns the current challenge that the files of a course call `name`, or None."""
        matching = (one for one in self.challenges.values() if (one.course_id, one.name) == (course.pk, name))
        return next(matching, None)

    def with_course(self, course: Course) -> Edition:
        """Returns the same with this course, which has its lessons, in place of the one with its primary key."""
        others = [one for one in self.courses if one.pk != course.pk]
        return _edition(sorted([*others, course], key=lambda one: one.pk))

    def only(self, course: int) -> Edition:
        """Returns the same with the course of this primary key alone."""
        return _edition(one for one in self.courses if one.pk == course)

    def without(self, courses: Container[int]) -> Edition:
        """Returns the same without the courses of these primary keys."""
        return _edition(one for one in self.courses if one.pk not in courses)

    def moved(self, course: Course) -> tuple[tuple[str, str], ...]:
        """Returns how texts of a course are linked: a path by id, and the path of its address where that is another.

        The paths are those of current lessons and challenges, such as `challenges/ID`.
        """
        shown = (("lessons", self.lessons.values()), ("challenges", self.challenges.values()))
        return tuple(
            (f"{folder}/{one.name}", f"{folder}/{one.slug}")
            for folder, items in shown
            for one in items
            if one.course_id == course.pk and one.slug != one.name
        )


def _found(shown: Mapping[str, Shown], slug: str) -> Shown:
    if slug not in shown:
        raise Http404
    return shown[slug]


def _edition(courses: Iterable[Course]) -> Edition:
    """Returns an edition of courses that have their lessons, which have their challenges."""
    whole = tuple(courses)
    lessons = [lesson for course in whole for lesson in course.current_lessons]
    return Edition(
        whole,
        {lesson.slug: lesson for lesson in lessons},
        {challenge.slug: challenge for lesson in lessons for challenge in lesson.current_challenges},
    )


class Viewer(Protocol):
    """Who sends a request. Of the courses with these primary keys, which are not listed, it returns those to show."""

    def opens(self, among: frozenset[int]) -> frozenset[int]: ...

    def finds(self, among: frozenset[int]) -> frozenset[int]: ...

    def note(self) -> None:
        """Remembers that something of a course that is not listed was opened."""


_kept: tuple[Stamp, Edition] | None = None
_instead: ContextVar[Course | None] = ContextVar("course_instead_of_the_live_one", default=None)

_alone: ContextVar[int | None] = ContextVar("course_that_alone_is_shown", default=None)
_viewer: ContextVar[Viewer | None] = ContextVar("who_sends_the_request", default=None)


@contextmanager
def seen_by(viewer: Viewer) -> Iterator[None]:
    """Shows what is read meanwhile as this person may see it. Outside of requests everything published is shown."""
    token = _viewer.set(viewer)
    try:
        yield
    finally:
        _viewer.reset(token)


def _noted(course: Course) -> Course:
    viewer = _viewer.get()
    if viewer is not None and course.listing != Course.Listing.LISTED:
        viewer.note()
    return course


@contextmanager
def alone(course: int) -> Iterator[None]:
    """Leaves out all courses but the one of this primary key from what this request reads meanwhile.

    The caller has asked whether the person may see it.
    """
    token = _alone.set(course)
    try:
        yield
    finally:
        _alone.reset(token)


@contextmanager
def instead(course: Course) -> Iterator[None]:
    """Puts a course, with its lessons, in place of the live one for what this request or task reads meanwhile."""
    token = _instead.set(course)
    try:
        yield
    finally:
        _instead.reset(token)


def now() -> Edition:
    """Returns what may be opened in this request: what is published, but for the draft that it previews."""
    return _for(lambda viewer: viewer.opens)


def found() -> Edition:
    """Returns what this request has in its lists: what the person may open, but for courses that only address opens."""
    return _for(lambda viewer: viewer.finds)


def _for(rule: Callable[[Viewer], Callable[[frozenset[int]], frozenset[int]]]) -> Edition:
    course, alone, viewer = _instead.get(), _alone.get(), _viewer.get()
    shown = live() if course is None else live().with_course(course)
    if alone is not None:
        return shown.only(alone)
    asked = frozenset(one.pk for one in shown.courses if one.listing != Course.Listing.LISTED)
    hidden = asked - rule(viewer)(asked) if viewer is not None and asked else None
    return shown.without(hidden) if hidden else shown


def live() -> Edition:
    """Returns what is published at this moment."""
    global _kept
    rows = Course.objects.shown().order_by("pk")
    stamp, kept = tuple(rows.values_list()), _kept
    if kept is None or kept[0] != stamp:
        _kept = kept = stamp, _read(stamp)
    return kept[1]


def forget(**_signal: Any) -> None:
    """Empties the cache of this process, after a change that does not show in the rows of the courses."""
    global _kept
    _kept = None


for _model in (Course, Lesson, Challenge, ChallengeVersion):
    post_save.connect(forget, sender=_model, dispatch_uid=f"catalogue-{_model.__name__}-saved")
    post_delete.connect(forget, sender=_model, dispatch_uid=f"catalogue-{_model.__name__}-deleted")


def _read(stamp: Stamp) -> Edition:
    """Reads everything that is published. Each course, lesson and challenge becomes exactly one object."""
    names = [field.attname for field in Course._meta.concrete_fields]
    courses = {row[0]: Course.from_db("default", names, row) for row in stamp}
    lessons = {one.pk: one for one in Lesson.objects.filter(is_current=True, course__in=courses).order_by("position")}
    challenges = list(
        Challenge.objects.filter(is_current=True, version__isnull=False, lesson__in=lessons)
        .select_related("version", "board_version")
        .order_by("position")
    )
    begun = {challenge.lesson_id for challenge in challenges}
    lessons = {pk: lesson for pk, lesson in lessons.items() if pk in begun}
    courses = {pk: courses[pk] for pk in courses if pk in {lesson.course_id for lesson in lessons.values()}}
    _join(courses, lessons, challenges)
    return _edition(courses.values())


def _join(courses: Mapping[int, Course], lessons: Mapping[int, Lesson], challenges: list[Challenge]) -> None:
    for course in courses.values():
        course.current_lessons = [lesson for lesson in lessons.values() if lesson.course_id == course.pk]
    for lesson in lessons.values():
        lesson.course = courses[lesson.course_id]
        lesson.current_challenges = [one for one in challenges if one.lesson_id == lesson.pk]
    for challenge in challenges:
        challenge.lesson = lessons[challenge.lesson_id]
        challenge.course = challenge.lesson.course
        assert challenge.version is not None
        challenge.version.challenge = challenge
        if challenge.board_version is not None:
            challenge.board_version.challenge = challenge
