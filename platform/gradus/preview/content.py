"""Writes what was read into the preview's own database, which has one course and no learner but the author."""

from __future__ import annotations

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.kinds import registry as kinds
from gradus.courses import calibrations, catalogue, contents, staging
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson


def write(bundle: CourseBundle) -> None:
    """Replaces what the pages show. Lessons and challenges that are gone are no longer found.

    An import would ask for a new version number with each change, which an author gives once, at the end.
    """
    staging.save_files(bundle)
    with transaction.atomic():
        course = Course.objects.first() or Course()
        fields = {**contents.course_fields(bundle), "slug": bundle.course.id, "updated_at": timezone.now()}
        for name, value in fields.items():
            setattr(course, name, value)
        course.save()
        course.lessons.update(is_current=False)
        course.challenges.update(is_current=False)
        for position, lesson in enumerate(bundle.lessons):
            _write_lesson(course, position, lesson)
    catalogue.forget()


def _write_lesson(course: Course, position: int, bundle: LessonBundle) -> None:
    values = {**contents.lesson_fields(position, bundle), "is_current": True}
    first = {**values, "slug": bundle.id}
    lesson, _ = Lesson.objects.update_or_create(course=course, name=bundle.id, defaults=values, create_defaults=first)
    for place, challenge in enumerate(bundle.challenges):
        _write_challenge(lesson, place, challenge)


def _write_challenge(lesson: Lesson, position: int, bundle: ChallengeBundle) -> None:
    name, values = bundle.challenge.id, {"lesson": lesson, "position": position, "is_current": True}
    challenge, _ = Challenge.objects.update_or_create(
        course=lesson.course, name=name, defaults=values, create_defaults={**values, "slug": name}
    )
    fields = {**contents.version_fields(bundle, lesson.measured), "digest": bundle.digest}
    version, _ = ChallengeVersion.objects.update_or_create(
        challenge=challenge, defaults={**fields, "published_at": timezone.now()}
    )
    Challenge.objects.filter(pk=challenge.pk).update(version=version)
    if kinds.find(bundle.challenge.kind).is_judged:
        calibrations.save(version, lesson.measured.get("calibration", {}).get(name, {}))


def first_page(bundle: CourseBundle, marker: str) -> str:
    """Returns the address of the course's page, or of the lesson or the challenge that the folder has alone."""
    if marker == "course.yaml":
        return reverse("learn:course", args=[bundle.course.id])
    if marker == "lesson.yaml":
        return reverse("learn:lesson", args=[bundle.lessons[0].id])
    return reverse("learn:challenge", args=[bundle.challenges[0].challenge.id])
