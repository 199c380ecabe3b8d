"""Writes the rows of lessons and challenges: for what goes live, and for a draft, which no learner sees.

What a draft brings that the course did not have gets rows that are not current, and versions that do not go live. So
a draft changes nothing of what learners see, and its baselines can run. See `publishing` for the life of a draft.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.apps import apps
from django.db.models import prefetch_related_objects
from django.utils.translation import gettext as _

from challenges.bundle import ChallengeBundle
from challenges.course_bundle import CourseBundle
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
    staged = write_versions(_challenges(course, bundle, _lessons(course, bundle)), bundle, goes_live=False)
    for version in staged:
        verification.settle(version)
    return staged


def _lessons(course: Course, bundle: CourseBundle) -> dict[str, Lesson]:
    """Returns the rows of the lessons by id, and writes those that are missing."""
    rows = {row.name: row for row in course.lessons.only("course", "name")}
    new = {lesson.id: (place, lesson) for place, lesson in enumerate(bundle.lessons) if lesson.id not in rows}
    slugs = addresses(Lesson, course, new)
    # Without a digest until it is published.
    shown = {"digest": "", "is_current": False}
    made = Lesson.objects.bulk_create(
        Lesson(course=course, name=name, slug=slugs[name], **{**contents.lesson_fields(*lesson), **shown})
        for name, lesson in new.items()
    )
    return rows | {row.name: row for row in made}


def _challenges(course: Course, bundle: CourseBundle, lessons: Mapping[str, Lesson]) -> dict[str, Challenge]:
    """Returns the rows of the challenges by id as `versions.rows_of` does, and writes those that are missing."""
    rows, moved = versions.rows_of(bundle), []
    places = {
        challenge.challenge.id: (lessons[lesson.id], place)
        for lesson in bundle.lessons
        for place, challenge in enumerate(lesson.challenges)
    }
    for name, row in rows.items():
        lesson, place = places[name]
        # No learner has seen it, so it may stand where the draft has it.
        if row.version_id is None and not row.is_current and (row.lesson_id, row.position) != (lesson.pk, place):
            row.lesson, row.position = lesson, place
            moved.append(row)
    Challenge.objects.bulk_update(moved, ["lesson", "position"])
    new = {name: place for name, place in places.items() if name not in rows}
    slugs = addresses(Challenge, course, new)
    made = Challenge.objects.bulk_create(
        Challenge(course=course, lesson=lesson, position=place, name=name, slug=slugs[name], is_current=False)
        for name, (lesson, place) in new.items()
    )
    prefetch_related_objects(made, "versions")
    return rows | {row.name: row for row in made}


def addresses(model: type[Lesson] | type[Challenge], course: Course, names: Iterable[str]) -> dict[str, str]:
    """Returns the addresses of new lessons or challenges by id: the id, or for a later course with that id also the
    course's.

    No id contains the character between the two, so such an address is never the id of anything else.
    """
    asked = list(names)
    taken = set(model._default_manager.filter(slug__in=asked).values_list("slug", flat=True))
    return {name: f"{course.slug}_{name}" if name in taken else name for name in asked}


def write_versions(rows: Mapping[str, Challenge], bundle: CourseBundle, *, goes_live: bool) -> list[ChallengeVersion]:
    """Writes the rows of the challenges' versions, and removes the drafts that give way to them under their numbers.

    `rows` are those of `versions.rows_of`, and the course is locked. A version of a draft, with `goes_live` False,
    leaves a row alone that is published or waits to be. Returns the versions in the order of the path.
    """
    _remove(versions.replaced_drafts(rows, bundle, staged_only=not goes_live))
    kept = ChallengeVersion.objects.filter(
        challenge__in=rows.values(), digest__in=[one.digest for one in bundle.challenges]
    )
    by_content = {(one.challenge_id, one.digest): one for one in kept}
    found, new, measured = [], [], []
    for lesson in bundle.lessons:
        for content in lesson.challenges:
            name = content.challenge.id
            version = by_content.get((rows[name].pk, content.digest)) or ChallengeVersion(digest=content.digest)
            version.challenge = rows[name]
            found.append(version)
            if version.pk and not goes_live and (version.published_at or version.goes_live):
                continue
            _fill(version, {**contents.version_fields(content, lesson.measured), "goes_live": goes_live})
            if not version.pk:
                new.append((version, content))
            if kinds.find(content.challenge.kind).is_judged:
                measured.append((version, lesson.measured.get("calibration", {}).get(name, {})))
    _inherit(new)
    ChallengeVersion.objects.bulk_create(version for version, _content in new)
    for version, calibration in measured:
        calibrations.save(version, calibration)
    return found


def _fill(version: ChallengeVersion, fields: dict[str, Any]) -> None:
    """Sets what differs of a version, and stores it unless the version is new."""
    changed = [name for name, value in fields.items() if getattr(version, name) != value]
    for name in changed:
        setattr(version, name, fields[name])
    if version.pk and changed:
        version.save(update_fields=changed)


def _inherit(new: list[tuple[ChallengeVersion, ChallengeBundle]]) -> None:
    """Gives each new version what was checked of its content under another number, if possible of a verified one."""
    heads = {
        one.pk
        for version, _content in new
        for one in version.challenge.versions.all()
        if one.version != version.version and one.hidden_count == version.hidden_count
    }
    others = ChallengeVersion.objects.filter(pk__in=heads).defer("statement", "solution", "public", "train", "findings")
    by_challenge: dict[int, list[ChallengeVersion]] = {}
    for other in others.order_by("-pk"):
        by_challenge.setdefault(other.challenge_id, []).append(other)
    for version, content in new:
        if twin := _twin(version, content, by_challenge.get(version.challenge_id, [])):
            verification.inherit(version, twin)


def _twin(
    version: ChallengeVersion, bundle: ChallengeBundle, others: list[ChallengeVersion]
) -> ChallengeVersion | None:
    """Returns the one of the others that has this content under another number, first of all one that is verified."""
    spec = {**version.spec, "version": ""}
    alike = (other for other in others if {**other.spec, "version": ""} == spec)
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
    staged = staged.select_related("challenge").defer(*ChallengeVersion.CONTENT)
    _remove(versions.without_scores(one for one in staged if kept.get(one.challenge.name) != one.digest))
    unseen = course.challenges.filter(is_current=False, version=None, versions=None).exclude(name__in=kept)
    for row in (*unseen, *course.lessons.filter(digest="", challenges=None).exclude(name__in=lessons)):
        row.delete()


def _remove(drafts: list[ChallengeVersion]) -> None:
    """Deletes versions with their checks. A worker that carries one out finds it gone, and writes nothing more."""
    if not drafts:
        return
    gone = ChallengeVersion.objects.filter(pk__in=[draft.pk for draft in drafts])
    # Nobody begins a check of a locked version, and no worker writes events of a locked evaluation.
    list(gone.select_for_update().order_by("pk").values_list("pk", flat=True))
    # The app `submissions` imports this app, so this app cannot import its models.
    evaluations: Any = apps.get_model("submissions", "Evaluation")._default_manager
    checks = evaluations.select_for_update(of=("self",)).filter(run__version__in=gone).order_by("pk")
    list(checks.values_list("pk", flat=True))
    gone.delete()
