"""What is published, read once for all requests of a process until it changes.

Content comes in whole bundles: `publish` stamps its course, and admins edit courses alone. So the courses' rows, one
small query, say whether what is kept still holds. All of it is the same for every visitor: nobody's own rows belong
here. Requests share the objects between threads, so they read them and set nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models.signals import post_delete, post_save
from django.http import Http404

from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson

Shown = TypeVar("Shown")
Stamp = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True)
class Edition:
    """Published courses in the order of their making; current lessons and challenges by slug, in order of position.

    A lesson whose challenges are all drafts is not there yet, nor is a course with such lessons only.

    A course has its lessons as `current_lessons`, a lesson its challenges as `current_challenges`.
    """

    courses: tuple[Course, ...]
    lessons: Mapping[str, Lesson]
    challenges: Mapping[str, Challenge]

    def course(self, slug: str) -> Course:
        """Raises `Http404`."""
        return _found({course.slug: course for course in self.courses}, slug)

    def lesson(self, slug: str) -> Lesson:
        """Raises `Http404`."""
        return _found(self.lessons, slug)

    def challenge(self, slug: str) -> Challenge:
        """Raises `Http404`."""
        return _found(self.challenges, slug)


def _found(shown: Mapping[str, Shown], slug: str) -> Shown:
    if slug not in shown:
        raise Http404
    return shown[slug]


_kept: tuple[Stamp, Edition] | None = None


def now() -> Edition:
    """What is published at this moment."""
    global _kept
    rows = Course.objects.shown().order_by("pk")
    stamp, kept = tuple(rows.values_list()), _kept
    if kept is None or kept[0] != stamp:
        _kept = kept = stamp, _read(stamp)
    return kept[1]


def forget(**_signal: Any) -> None:
    """For changes that leave the courses' rows as they are; only this process sees it."""
    global _kept
    _kept = None


for _model in (Course, Lesson, Challenge, ChallengeVersion):
    post_save.connect(forget, sender=_model, dispatch_uid=f"catalogue-{_model.__name__}-saved")
    post_delete.connect(forget, sender=_model, dispatch_uid=f"catalogue-{_model.__name__}-deleted")


def _read(stamp: Stamp) -> Edition:
    """Each course, lesson and challenge is one object, whichever way it is reached."""
    names = [field.attname for field in Course._meta.concrete_fields]
    courses = {row[0]: Course.from_db("default", names, row) for row in stamp}
    lessons = {one.pk: one for one in Lesson.objects.filter(is_current=True, course__in=courses).order_by("position")}
    challenges = list(
        Challenge.objects.filter(is_current=True, version__isnull=False, lesson__in=lessons)
        .select_related("version")
        .order_by("position")
    )
    begun = {challenge.lesson_id for challenge in challenges}
    lessons = {pk: lesson for pk, lesson in lessons.items() if pk in begun}
    courses = {pk: courses[pk] for pk in courses if pk in {lesson.course_id for lesson in lessons.values()}}
    _join(courses, lessons, challenges)
    ordered = sorted(lessons.values(), key=lambda lesson: (lesson.course_id, lesson.position))
    return Edition(
        tuple(courses.values()),
        {lesson.slug: lesson for lesson in ordered},
        {challenge.slug: challenge for lesson in ordered for challenge in lesson.current_challenges},
    )


def _join(courses: Mapping[int, Course], lessons: Mapping[int, Lesson], challenges: list[Challenge]) -> None:
    for course in courses.values():
        course.current_lessons = [lesson for lesson in lessons.values() if lesson.course_id == course.pk]
    for lesson in lessons.values():
        lesson.course = courses[lesson.course_id]
        lesson.current_challenges = [one for one in challenges if one.lesson_id == lesson.pk]
    for challenge in challenges:
        challenge.lesson = lessons[challenge.lesson_id]
        assert challenge.version is not None
        challenge.version.challenge = challenge
