"""Services that import a course bundle into the database and private storage. Old versions of challenges stay."""

import hashlib
import json
from collections.abc import Container
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.findings.spec import arm_files
from challenges.kinds import registry as kinds
from challenges.spec import dump
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction
from gradus.courses import bundles, calibrations, verification, versions
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
        bundles.save_lesson_files(lesson, digest_of(lesson))
        for challenge in lesson.challenges:
            bundles.save(challenge)
    try:
        with transaction.atomic():
            return _write(bundle, linted, unverified)
    except IntegrityError as error:
        versions.check_versions(bundle)
        raise versions.VersionRefused("Another import was faster. Import again.") from error


def _write(bundle: CourseBundle, linted: bool, unverified: Container[str]) -> Course:
    spec = bundle.course
    course, _ = Course.objects.update_or_create(
        slug=spec.id,
        defaults={
            "title": spec.title,
            "summary": spec.summary,
            "timezone": spec.timezone,
            "all_attempts_wait": spec.all_attempts_wait,
            "version": spec.version,
            "digest": bundle.digest,
            "updated_at": timezone.now(),
        },
    )
    course.lessons.update(is_current=False)
    course.challenges.update(is_current=False)
    written = []
    for position, lesson in enumerate(bundle.lessons):
        written += _write_lesson(course, position, lesson)
    told: dict[str, Any] = _accept(written, linted, unverified)
    staff.note(StaffAction.What.COURSE_IMPORTED, f"{spec.id} {spec.version}", digest=bundle.digest, **told)
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
    values = {
        "position": position,
        "title": bundle.lesson.title,
        "summary": bundle.lesson.summary,
        "minutes": bundle.lesson.minutes,
        "text": bundle.text,
        "spec": dump(bundle.lesson),
        "measured": bundle.measured,
        **_shown_findings(bundle),
        "contents": {challenge.challenge.id: challenge.digest for challenge in bundle.challenges},
        "digest": digest_of(bundle),
        "is_current": True,
    }
    first = {**values, "slug": _address(Lesson, course, bundle.id)}
    lesson, _ = Lesson.objects.update_or_create(course=course, name=bundle.id, defaults=values, create_defaults=first)
    return [_write_challenge(lesson, place, challenge) for place, challenge in enumerate(bundle.challenges)]


def _address(model: type[Lesson] | type[Challenge], course: Course, name: str) -> str:
    """Returns the address of a new lesson or challenge: its id, or for a later course with that id also the course's.

    No id contains the character between the two, so such an address is never the id of anything else.
    """
    taken = model._default_manager.filter(slug=name).exists()
    return f"{course.slug}_{name}" if taken else name


def _shown_findings(bundle: LessonBundle) -> dict[str, Any]:
    """The fields of a lesson that hold its findings. Those that only measure a hint are the author's, so they and what
    they alone use stay in the author's folder.
    """
    findings = [finding for finding in bundle.findings if finding.shown]
    used = arm_files(findings)
    records = {finding.id: bundle.records.findings.get(finding.id) for finding in findings}
    return {
        "findings": [dump(finding) for finding in findings],
        "arms": {
            "/".join(place): kinds.find(payload.kind).stored_arm(payload)
            for place, payload in bundle.arms.items()
            if place in used
        },
        "records": {name: dump(record) for name, record in records.items() if record is not None},
    }


def _write_challenge(lesson: Lesson, position: int, bundle: ChallengeBundle) -> ChallengeVersion:
    name, values = bundle.challenge.id, {"lesson": lesson, "position": position, "is_current": True}
    first = {**values, "slug": _address(Challenge, lesson.course, name)}
    challenge, _ = Challenge.objects.update_or_create(
        course=lesson.course, name=name, defaults=values, create_defaults=first
    )
    for draft in versions.replaced_drafts(challenge, bundle):
        draft.delete()
    results = lesson.measured.get("baselines", {}).get(name, {})
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
            "scored_count": sum(sample.split == "public" for sample in bundle.hidden) or len(bundle.hidden),
            "author_baselines": results["results"] if results.get("digest") == bundle.digest else [],
        },
    )
    if kinds.find(bundle.challenge.kind).is_judged:
        calibrations.save(version, lesson.measured.get("calibration", {}).get(name, {}))
    return version


def digest_of(lesson: LessonBundle) -> str:
    """Returns the SHA-256 digest of a lesson's text, its spec and its files."""
    parts = [lesson.text, json.dumps(dump(lesson.lesson), sort_keys=True)]
    parts += [f"{name}:{hashlib.sha256(data).hexdigest()}" for name, data in sorted(lesson.files.items())]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
