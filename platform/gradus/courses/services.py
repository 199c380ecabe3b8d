"""Services that make a course bundle live. Old versions of challenges stay. `publishing` has those for drafts."""

from collections.abc import Container
from typing import Any

from django.db import IntegrityError, transaction
from django.dispatch import Signal
from django.utils import timezone

from challenges.course_bundle import CourseBundle, LessonBundle
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses import arms, contents, staging, verification, versions
from gradus.courses.archives import Archive
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion, Lesson

went_live = Signal()
"""Sent in the transaction that makes a content live, with its `version`."""


def publish(bundle: CourseBundle, archive: Archive | None = None) -> Course:
    """Imports a course and publishes it at once, verified or not. Raises `VersionRefused` as `import_course` does."""
    unverified = [challenge.challenge.id for challenge in bundle.challenges]
    return import_course(bundle, unverified=unverified, archive=archive)


def import_course(
    bundle: CourseBundle, *, linted: bool = False, unverified: Container[str] = (), archive: Archive | None = None
) -> Course:
    """Imports a course. Importing the same content again changes nothing.

    Lessons and challenges that are no longer in the bundle stay in the database, but are not current. The new content
    of a challenge is a draft until this server has verified it; a challenge whose id is in `unverified` is published at
    once. A draft that has no score gives way to other content with its number, and so does the draft of the course.
    `linted` says that all checks of lint have passed, including the one for similarity. `archive` is the packed folder
    of the bundle: without it, nobody can go back to this content later.

    Raises:
        VersionRefused: another content has this version number already, or the site has a higher version.
    """
    versions.check_versions(bundle)
    staging.save_files(bundle)
    try:
        with transaction.atomic():
            return _import(bundle, linted, unverified, archive)
    except IntegrityError as error:
        versions.check_versions(bundle)
        raise versions.VersionRefused("Another import was faster. Import again.") from error


def _import(bundle: CourseBundle, linted: bool, unverified: Container[str], archive: Archive | None) -> Course:
    course, _is_new = staging.locked_course(bundle)
    live = course.versions.published().first()
    if live is None or live.digest != bundle.digest or (archive and not live.archive):
        version = new_version(course, bundle, archive, by=staff.actor())
    else:
        version = live
    told = go_live(version, bundle, linted=linted, unverified=unverified, by=staff.actor())
    staff.note(StaffAction.What.COURSE_IMPORTED, version, digest=bundle.digest, **told)
    return version.course


def new_version(course: Course, bundle: CourseBundle, archive: Archive | None, *, by: User | None) -> CourseVersion:
    """Returns a version of a locked course with this content, not stored yet."""
    return CourseVersion(
        course=course,
        version=bundle.course.version,
        digest=bundle.digest,
        archive=archive.sha256 if archive else "",
        archive_bytes=archive.bytes if archive else 0,
        contents=contents.digests_in(bundle),
        pushed_by=by,
    )


def go_live(
    version: CourseVersion, bundle: CourseBundle, *, linted: bool, unverified: Container[str], by: User | None
) -> dict[str, Any]:
    """Makes a content what learners see: a draft, one that is not stored yet, or once more the live one.

    The course of `version` must be locked, and the files of the bundle must be stored. Returns for the audit which
    challenges are drafts still, and which are published unverified.
    """
    course, now = version.course, timezone.now()
    if version.is_draft:
        end_draft(course, CourseVersion.State.REPLACED, but=version)
        version.state, version.published_by, version.published_at = CourseVersion.State.PUBLISHED, by, now
        version.save()
    _write_course(course, bundle)
    course.lessons.update(is_current=False)
    course.challenges.update(is_current=False)
    for position, lesson in enumerate(bundle.lessons):
        _write_lesson(course, position, lesson)
    written = staging.write_versions(versions.rows_of(bundle), bundle, goes_live=True)
    if not course.versions.drafts().exists():
        staging.drop_staged(course, bundle)
    told = _accept(course, bundle, written, linted, unverified)
    went_live.send(CourseVersion, version=version)
    return told


def end_draft(course: Course, state: CourseVersion.State, *, but: CourseVersion | None = None) -> None:
    """Ends the draft of a locked course, unless it is `but`. See `staging.drop_staged` for what only it had."""
    drafts = course.versions.drafts()
    if but:
        drafts = drafts.exclude(pk=but.pk)
    drafts.update(state=state, ended_at=timezone.now())


def _write_course(course: Course, bundle: CourseBundle) -> None:
    """Writes the row without the signal that notes when staff publish a course: the caller notes what it does."""
    fields = {**contents.course_fields(bundle), "updated_at": timezone.now()}
    if not course.digest:
        fields["is_published"] = True
    Course.objects.filter(pk=course.pk).update(**fields)
    course.refresh_from_db()


def _write_lesson(course: Course, position: int, bundle: LessonBundle) -> None:
    values = {**contents.lesson_fields(position, bundle), "is_current": True}
    first = {**values, **_address(Lesson, course, bundle.id)}
    lesson, _ = Lesson.objects.update_or_create(course=course, name=bundle.id, defaults=values, create_defaults=first)
    for place, challenge in enumerate(bundle.challenges):
        _write_challenge(lesson, place, challenge.challenge.id)


def _write_challenge(lesson: Lesson, position: int, name: str) -> None:
    values = {"lesson": lesson, "position": position, "is_current": True}
    first = {**values, **_address(Challenge, lesson.course, name)}
    Challenge.objects.update_or_create(course=lesson.course, name=name, defaults=values, create_defaults=first)


def _address(model: type[Lesson] | type[Challenge], course: Course, name: str) -> dict[str, str]:
    return {"slug": staging.addresses(model, course, [name])[name]}


def _accept(
    course: Course, bundle: CourseBundle, written: list[ChallengeVersion], linted: bool, unverified: Container[str]
) -> dict[str, list[str]]:
    """Verifies and publishes the versions as far as possible. Returns those that are drafts or published unverified.

    Versions that waited for the content before this one do not go live any more.
    """
    waiting = ChallengeVersion.objects.filter(challenge__course=course, published_at=None, goes_live=True)
    waiting.exclude(pk__in=[version.pk for version in written]).update(goes_live=False)
    for version in written:
        if linted:
            verification.note_lint(version, [], arms.digest_of(arms.in_bundle(bundle, version.challenge.name)))
        verification.settle(version)
        if version.challenge.name in unverified:
            verification.publish(version)
    open_ = [version for version in written if not version.is_verified]
    told = {
        "drafts": [str(version) for version in open_ if version.is_draft],
        "published_unverified": [str(one) for one in open_ if one.challenge.name in unverified],
    }
    return {name: named for name, named in told.items() if named}
