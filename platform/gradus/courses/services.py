"""Publishing: a read bundle becomes rows and files. Old versions stay, for the submissions made to them."""

import hashlib
import json
from typing import Any

from django.db import transaction
from django.utils import timezone

from challenges.bundle import ChallengeBundle, CourseBundle, LessonBundle
from challenges.spec import Kind, dump
from gradus.accounts import staff
from gradus.accounts.models import StaffAction
from gradus.courses import bundles, calibrations
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson


def publish(bundle: CourseBundle) -> Course:
    """Imports a linted course. Idempotent by digest; what left the bundle stays, but is no longer current."""
    for lesson in bundle.lessons:
        bundles.save_lesson_files(lesson, digest_of(lesson))
        for challenge in lesson.challenges:
            bundles.save(challenge)
    with transaction.atomic():
        return _write(bundle)


def _write(bundle: CourseBundle) -> Course:
    spec = bundle.course
    course, _ = Course.objects.update_or_create(
        slug=spec.id,
        defaults={
            "title": spec.title,
            "summary": spec.summary,
            "timezone": spec.timezone,
            "version": spec.version,
            "digest": bundle.digest,
            "updated_at": timezone.now(),
        },
    )
    staff.note(StaffAction.What.COURSE_IMPORTED, f"{spec.id} {spec.version}", digest=bundle.digest)
    course.lessons.update(is_current=False)
    Challenge.objects.filter(lesson__course=course).update(is_current=False)
    for position, lesson in enumerate(bundle.lessons):
        _write_lesson(course, position, lesson)
    return course


def _write_lesson(course: Course, position: int, bundle: LessonBundle) -> None:
    lesson, _ = Lesson.objects.update_or_create(
        slug=bundle.id,
        defaults={
            "course": course,
            "position": position,
            "title": bundle.lesson.title,
            "summary": bundle.lesson.summary,
            "minutes": bundle.lesson.minutes,
            "text": bundle.text,
            "spec": dump(bundle.lesson),
            "measured": bundle.measured,
            "digest": digest_of(bundle),
            "is_current": True,
        },
    )
    for place, challenge in enumerate(bundle.challenges):
        _write_challenge(lesson, place, challenge)


def _write_challenge(lesson: Lesson, position: int, bundle: ChallengeBundle) -> None:
    challenge, _ = Challenge.objects.update_or_create(
        slug=bundle.challenge.id, defaults={"lesson": lesson, "position": position, "is_current": True}
    )
    version, _ = ChallengeVersion.objects.update_or_create(
        challenge=challenge,
        digest=bundle.digest,
        defaults={
            "version": bundle.challenge.version,
            "spec": dump(bundle.challenge),
            "statement": bundle.statement,
            "solution": bundle.solution,
            "public": [dump(sample) for sample in bundle.public],
            "train": [dump(row) for row in bundle.train],
            "hidden_count": len(bundle.hidden),
        },
    )
    results = lesson.measured.get("baselines", {}).get(bundle.challenge.id, {})
    if results.get("digest") == bundle.digest:
        record_baselines(version, results["results"])
    if bundle.challenge.kind is Kind.FREE_TEXT:
        calibrations.save(version, lesson.measured.get("calibration", {}).get(bundle.challenge.id, {}))
    Challenge.objects.filter(pk=challenge.pk).update(version=version)


def record_baselines(version: ChallengeVersion, results: list[dict[str, Any]]) -> None:
    """Keeps the baselines' results; the version is verified when each is within its bounds."""
    verified = timezone.now() if results and all(row["ok"] for row in results) else None
    ChallengeVersion.objects.filter(pk=version.pk).update(baselines=results, verified_at=verified)


def digest_of(lesson: LessonBundle) -> str:
    """Of what a lesson shows and its demo runs: text, spec and files."""
    parts = [lesson.text, json.dumps(dump(lesson.lesson), sort_keys=True)]
    parts += [f"{name}:{hashlib.sha256(data).hexdigest()}" for name, data in sorted(lesson.files.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
