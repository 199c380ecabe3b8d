"""Writes the rows of lessons and challenges: for what goes live, and for a draft, which no learner sees.

What a draft brings that the course did not have gets rows that are not current, and versions that do not go live. So
a draft changes nothing of what learners see, and its baselines can run. See `publishing` for the life of a draft.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.apps import apps
from django.utils.translation import gettext as _

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle, LessonBundle
from challenges.kinds import registry as kinds
from gradus.courses import bundles, calibrations, contents, verification, versions
from gradus.courses.models import Challenge, ChallengeVersion, Course, Lesson
from gradus.refusal import Refused

TRIES = 3


def save_files(bundle: CourseBundle) -> None:
    """Stores what the rows refer to. It comes first and is named by digests, so that no row ever lacks its content."""
    for lesson in bundle.lessons:
        bundles.save_lesson_files(lesson, contents.digest_of(lesson))
        for challenge in lesson.challenges:
            bundles.save(challenge)


def locked_course(bundle: CourseBundle) -> tuple[Course, bool]:
    """Returns the row of a course, locked until the end of the transaction, and True if this has created it.

    A new course is hidden and has no content until it is published.

    Raises:
        Refused: 409 `moved`, the course was deleted at the same time, again and again.
    """
    spec = bundle.course
    fields = {**contents.course_fields(bundle), "version": "", "digest": "", "is_published": False}
    for _try in range(TRIES):
        _row, is_new = Course.objects.get_or_create(slug=spec.id, defaults=fields)
        locked = Course.objects.select_for_update().filter(slug=spec.id).first()
        if locked is not None:
            return locked, is_new
        # Its first draft was discarded between the two statements, and the course with it.
    raise Refused("moved", _("This course was deleted at the same time. Push it again."), 409)


def stage(course: Course, bundle: CourseBundle) -> list[ChallengeVersion]:
    """Writes the rows that the draft of a course needs and does not have. Returns its challenge versions.

    `course` must be locked. What a lesson or challenge shows to learners, and where it stands, stays as it is.
    """
    staged = []
    for position, lesson in enumerate(bundle.lessons):
        # Without a digest until it is published.
        fields = {**contents.lesson_fields(position, lesson), "digest": "", "is_current": False}
        row = course.lessons.filter(name=lesson.id).first() or Lesson.objects.create(
            course=course, name=lesson.id, slug=address(Lesson, course, lesson.id), **fields
        )
        for place, challenge in enumerate(lesson.challenges):
            staged.append(_stage_challenge(row, place, challenge, lesson))
    for version in staged:
        verification.settle(version)
    return staged


def _stage_challenge(lesson: Lesson, position: int, bundle: ChallengeBundle, owner: LessonBundle) -> ChallengeVersion:
    course, name = lesson.course, bundle.challenge.id
    challenge = course.challenges.filter(name=name).first()
    if challenge is None:
        slug = address(Challenge, course, name)
        challenge = Challenge(course=course, name=name, slug=slug, is_current=False)
    if challenge.version_id is None and not challenge.is_current:
        # No learner has seen it, so it may stand where the draft has it.
        challenge.lesson, challenge.position = lesson, position
        challenge.save()
    return write_version(challenge, bundle, owner.measured, goes_live=False)


def address(model: type[Lesson] | type[Challenge], course: Course, name: str) -> str:
    """Returns the address of a new lesson or challenge: its id, or for a later course with that id also the course's.

    No id contains the character between the two, so such an address is never the id of anything else.
    """
    taken = model._default_manager.filter(slug=name).exists()
    return f"{course.slug}_{name}" if taken else name


def write_version(
    challenge: Challenge, bundle: ChallengeBundle, measured: dict[str, Any], *, goes_live: bool
) -> ChallengeVersion:
    """Writes the row of a challenge's version, and removes the draft that gives way to it under its number.

    A version of a draft, with `goes_live` False, leaves a row alone that is published or waits to be.
    """
    for draft in versions.replaced_drafts(challenge, bundle, staged_only=not goes_live):
        _remove(draft)
    fields = contents.version_fields(bundle, measured)
    kept = challenge.versions.filter(digest=bundle.digest).first()
    if kept and not goes_live and (kept.published_at or kept.goes_live):
        return kept
    version, is_new = ChallengeVersion.objects.update_or_create(
        challenge=challenge, digest=bundle.digest, defaults={**fields, "goes_live": goes_live}
    )
    if is_new and (twin := _twin(version, bundle)):
        verification.inherit(version, twin)
    if kinds.find(bundle.challenge.kind).is_judged:
        calibrations.save(version, measured.get("calibration", {}).get(bundle.challenge.id, {}))
    return version


def _twin(version: ChallengeVersion, bundle: ChallengeBundle) -> ChallengeVersion | None:
    """Returns a version that has this content under another number, first of all one that is verified."""
    spec = {**version.spec, "version": ""}
    others = version.challenge.versions.exclude(pk=version.pk).filter(hidden_count=version.hidden_count)
    alike = (other for other in others.order_by("-pk") if {**other.spec, "version": ""} == spec)
    for other in sorted(alike, key=lambda one: (one.verified_at is None, one.linted_at is None)):
        if numbered(bundle, other.version).digest == other.digest:
            return other
    return None


def numbered(bundle: ChallengeBundle, version: str) -> ChallengeBundle:
    """Returns the same content under another number."""
    return replace(bundle, challenge=bundle.challenge.model_copy(update={"version": version}), digest="")


def drop_staged(course: Course, keep: CourseBundle | None = None) -> None:
    """Removes what an earlier draft of a locked course brought and what learners never saw, except what `keep` has.

    Rows on which something hangs that is not part of the draft, such as a score, stay.
    """
    kept = {challenge.challenge.id: challenge.digest for challenge in keep.challenges} if keep else {}
    lessons = {lesson.id for lesson in keep.lessons} if keep else set()
    staged = ChallengeVersion.objects.filter(challenge__course=course, goes_live=False, published_at=None)
    for version in staged.select_related("challenge").defer(*ChallengeVersion.CONTENT):
        if kept.get(version.challenge.name) != version.digest and not versions.scores_of(version):
            _remove(version)
    unseen = course.challenges.filter(is_current=False, version=None, versions=None).exclude(name__in=kept)
    for row in (*unseen, *course.lessons.filter(digest="", challenges=None).exclude(name__in=lessons)):
        row.delete()


def _remove(version: ChallengeVersion) -> None:
    """Deletes a version with its checks. A worker that carries one out finds it gone, and writes nothing more."""
    # Nobody begins a check of a locked version, and no worker writes events of a locked evaluation.
    ChallengeVersion.objects.select_for_update().filter(pk=version.pk).first()
    # The app `submissions` imports this app, so this app cannot import its models.
    evaluations: Any = apps.get_model("submissions", "Evaluation")._default_manager
    checks = evaluations.select_for_update(of=("self",)).filter(run__version=version).order_by("pk")
    list(checks.values_list("pk", flat=True))
    version.delete()
