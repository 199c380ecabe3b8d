"""Services that import a course bundle into the database and private storage. Old versions of challenges stay."""

from collections.abc import Container
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.kinds import registry as kinds
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.courses import bundles, calibrations, contents, verification, versions
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson


def publish(bundle: CourseBundle) -> Course:
    """Imports a course and publishes it at once, verified or not. Raises `VersionRefused` as `import_course` does."""
    return import_course(bundle, unverified=[challenge.challenge.id for challenge in bundle.challenges])


def import_course(bundle: CourseBundle, *, linted: bool = False, unverified: Container[str] = ()) -> Course:
    """Imports a course. Importing the same content again changes nothing.

    Lessons and challenges that are no longer in the bundle stay in the database, but are not current. The new content
    of a challenge is a draft until this server has verified it; a challenge whose id is in `unverified` is published at
    once. A draft that has no score gives way to other content with its number. `linted` says that all checks of lint
    have passed, including the one for similarity.

    Raises:
        VersionRefused: another content has this version number already, or the site has a higher version.
    """
    versions.check_versions(bundle)
    for lesson in bundle.lessons:
        bundles.save_lesson_files(lesson, contents.digest_of(lesson))
        for challenge in lesson.challenges:
            bundles.save(challenge)
    try:
        with transaction.atomic():
            return _write(bundle, linted, unverified)
    except IntegrityError as error:
        versions.check_versions(bundle)
        raise versions.VersionRefused("Another import was faster. Import again.") from error


def _write(bundle: CourseBundle, linted: bool, unverified: Container[str]) -> Course:
    fields = {**contents.course_fields(bundle), "updated_at": timezone.now()}
    course, _ = Course.objects.update_or_create(slug=bundle.course.id, defaults=fields)
    course.lessons.update(is_current=False)
    course.challenges.update(is_current=False)
    written = []
    for position, lesson in enumerate(bundle.lessons):
        written += _write_lesson(course, position, lesson)
    told: dict[str, Any] = _accept(written, linted, unverified)
    staff.note(StaffAction.What.COURSE_IMPORTED, f"{course.slug} {course.version}", digest=bundle.digest, **told)
    return course


def _accept(written: list[ChallengeVersion], linted: bool, unverified: Container[str]) -> dict[str, list[str]]:
    """Verifies and publishes the versions as far as possible. Returns those that are drafts or published unverified."""
    for version in written:
        if linted and version.linted_at is None:
            version.linted_at = timezone.now()
            version.save(update_fields=["linted_at"])
        verification.settle(version)
        if version.challenge.name in unverified:
            verification.publish(version)
    open_ = [version for version in written if not version.is_verified]
    told = {
        "drafts": [str(version) for version in open_ if version.is_draft],
        "published_unverified": [str(one) for one in open_ if one.challenge.name in unverified],
    }
    return {name: named for name, named in told.items() if named}


def _write_lesson(course: Course, position: int, bundle: LessonBundle) -> list[ChallengeVersion]:
    values = {**contents.lesson_fields(position, bundle), "is_current": True}
    first = {**values, "slug": _address(Lesson, course, bundle.id)}
    lesson, _ = Lesson.objects.update_or_create(course=course, name=bundle.id, defaults=values, create_defaults=first)
    return [_write_challenge(lesson, place, challenge) for place, challenge in enumerate(bundle.challenges)]


def _address(model: type[Lesson] | type[Challenge], course: Course, name: str) -> str:
    """Returns the address of a new lesson or challenge: its id, or for a later course with that id also the course's.

    No id contains the character between the two, so such an address is never the id of anything else.
    """
    taken = model._default_manager.filter(slug=name).exists()
    return f"{course.slug}_{name}" if taken else name


def _write_challenge(lesson: Lesson, position: int, bundle: ChallengeBundle) -> ChallengeVersion:
    name, values = bundle.challenge.id, {"lesson": lesson, "position": position, "is_current": True}
    first = {**values, "slug": _address(Challenge, lesson.course, name)}
    challenge, _ = Challenge.objects.update_or_create(
        course=lesson.course, name=name, defaults=values, create_defaults=first
    )
    for draft in versions.replaced_drafts(challenge, bundle):
        draft.delete()
    version, _ = ChallengeVersion.objects.update_or_create(
        challenge=challenge, digest=bundle.digest, defaults=contents.version_fields(bundle, lesson.measured)
    )
    if kinds.find(bundle.challenge.kind).is_judged:
        calibrations.save(version, lesson.measured.get("calibration", {}).get(name, {}))
    return version
