"""Services for the life of a course's content: pushed as a draft, published or discarded, and rolled back to.

Each takes a lock on the course's row. So of two pushes or two publishes at once one is first, and the other is told.
Who may not edit the course is refused once it is locked, because a role can change while a push is checked.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.apps import apps
from django.db import transaction
from django.dispatch import Signal
from django.http import Http404
from django.utils.translation import gettext as _

from challenges.compare import next_version
from challenges.course_bundle import CourseBundle
from challenges.files.source import Source
from challenges.lint.run import inspect, inspect_read
from challenges.problems import Problem
from challenges.reading import BundleErrors, GatheredCourse, gather_course, read_course
from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import Enrolment, StaffAction, User
from gradus.accounts.token_rules import Content, LearnerData
from gradus.courses import archives, renumbering, services, staging, verification, versions
from gradus.courses.archives import bundle_of
from gradus.courses.differences import to_live
from gradus.courses.models import ChallengeVersion, Course, CourseVersion
from gradus.refusal import Refused

__all__ = [
    "Pushed",
    "Rollback",
    "bundle_of",
    "discard",
    "draft_of",
    "moved",
    "name_taken",
    "plan_rollback",
    "publish",
    "push",
    "refuse_unless_seen",
    "rollback",
    "staged",
    "versions_in",
]

# What lint cannot check in the web process; the workers of the site do. See `submissions.services.verification`.
SIMILARITY = "similarity"
# The digest of what was live, and the difference to it.
Compared = tuple[str, dict[str, Any]]
staged = Signal()
"""Sent in the transaction that makes a draft, and when a draft or what is live is pushed again, with `version`, its
`bundle`, and its `challenges`, a list of `ChallengeVersion`."""


@dataclass(frozen=True)
class Pushed:
    """The version that holds the pushed content. `is_new` is False if it was live, or the draft, before."""

    version: CourseVersion
    is_new: bool


@dataclass(frozen=True)
class Rollback:
    """What a rollback would publish: the course's new number and digest, what differs from what is live, and for each
    challenge that changes its new number and how many scores stand on its live version.
    """

    version: str
    digest: str
    difference: dict[str, Any]
    challenges: list[dict[str, Any]]


def draft_of(course: Course) -> CourseVersion | None:
    return course.versions.drafts().first()


def versions_in(version: CourseVersion) -> list[ChallengeVersion]:
    """Returns the challenge versions that a version of a course holds, in the order of the path."""
    found = ChallengeVersion.objects.filter(challenge__course=version.course_id, digest__in=version.digests.values())
    by_content = {(one.challenge.name, one.digest): one for one in found.select_related("challenge__version")}
    return [by_content[content] for content in version.digests.items() if content in by_content]


def push(
    folder: Path,
    archive: IO[bytes],
    *,
    by: User,
    course_slug: str,
    base: str = "",
    force: bool = False,
    note: str = "",
    within: Callable[[], object] = lambda: None,
) -> Pushed:
    """Makes a draft of the course in `folder`, which is the unpacked `archive`. It replaces the draft that was there.

    Learners see nothing of it. Content that is live, or is the draft, changes nothing. `base` is the digest of the live
    content that the author saw; it is not compared if it is empty, or with `force`. `within` is called in the
    transaction that makes the draft, or before it is said that nothing is new.

    Raises:
        BundleErrors: with everything that is wrong with the files.
        versions.VersionRefused: a version number has another content already.
        Refused: 409 `moved`, something else was published or pushed meanwhile; 409 `name_taken` or 403, the course is
            another person's, or the person may not edit it any more.
    """
    seen = _draft_key(course_slug)
    source = Source(folder)
    read = gather_course(source)
    bundle = _whole(source, read, course_slug)
    before = Course.objects.filter(slug=course_slug).first()
    known = _known(before, bundle)
    if known is not None:
        _refuse_unless_editor(by, known.course)
        # What a disk has lost or damaged of it is whole again.
        staging.save_files(bundle)
        archives.keep(archive)
        within()
        return _again(known, bundle)
    versions.check_versions(bundle, staged_only=True)
    found = inspect_read(source, read)
    if found.problems:
        raise BundleErrors(found.problems)
    staging.save_files(bundle)
    kept = archives.keep(archive)
    compared = _compare(before, bundle)
    with transaction.atomic():
        course, is_new = staging.locked_course(bundle)
        if is_new:
            Enrolment.objects.create(user=by, course=course, content=Content.OWNER, learner_data=LearnerData.EDITOR)
        else:
            _refuse_unless_editor(by, course)
        known = _known(course, bundle)
        within()
        if known is not None:
            return _again(known, bundle)
        if not force:
            _refuse_moved(course, bundle, compared, seen, base)
        not_checked = [SIMILARITY, *found.not_checked]
        version = _draft(course, bundle, kept, compared, by=by, note=note, not_checked=not_checked)
        staff.note(StaffAction.What.DRAFT_PUSHED, version, by=by, digest=bundle.digest, note=note)
    return Pushed(version, is_new=True)


def _refuse_unless_editor(user: User, course: Course) -> None:
    try:
        roles.refuse_unless(user, course, roles.EDITS)
    except Http404:
        raise name_taken(course.slug) from None


def name_taken(course_slug: str) -> Refused:
    said = _("Another course has the id “%(id)s”. Choose another one in course.yaml.")
    return Refused("name_taken", said % {"id": course_slug}, 409)


def _again(known: CourseVersion, bundle: CourseBundle) -> Pushed:
    """Nothing is new, but what could not be checked, or has failed, is checked again."""
    staged.send(CourseVersion, version=known, challenges=versions_in(known), bundle=bundle)
    return Pushed(known, is_new=False)


def _draft_key(course_slug: str) -> int | None:
    drafts = CourseVersion.objects.drafts().filter(course__slug=course_slug)
    return drafts.values_list("pk", flat=True).first()


def _whole(source: Source, read: GatheredCourse, course_slug: str) -> CourseBundle:
    bundle = read.bundle()
    if bundle is None or source.problems:
        # The folder may be none of a course at all, of which lint says more.
        raise BundleErrors(inspect(source.root).problems or source.problems)
    if bundle.course.id != course_slug:
        what = f"the id is `{bundle.course.id}`, but it was pushed as `{course_slug}`"
        raise BundleErrors([Problem("course.yaml", None, what, "correct the id, or push it under its own")])
    return bundle


def _known(course: Course | None, bundle: CourseBundle) -> CourseVersion | None:
    """Returns the version that has this content already: the live one, or the draft."""
    if course is None:
        return None
    for version in (course.versions.published().first(), draft_of(course)):
        if version is not None and version.digest == bundle.digest:
            return version
    return None


def _compare(course: Course | None, bundle: CourseBundle) -> Compared:
    """Returns the difference to what is live, before the course is locked: it reads whole archives."""
    return (course.digest if course else ""), to_live(course, bundle)


def _difference(course: Course, bundle: CourseBundle, compared: Compared) -> dict[str, Any]:
    """Returns the difference to what is live of a locked course. It is compared again only if something else is."""
    digest, difference = compared
    return difference if digest == course.digest else to_live(course, bundle)


def _refuse_moved(course: Course, bundle: CourseBundle, compared: Compared, seen: int | None, base: str) -> None:
    if base and base != course.digest:
        live = course.versions.published().first()
        message = _("What is live of this course has changed since you saw it: it is version %(version)s now.")
        message %= {"version": live.version if live else ""}
        raise moved(message, _difference(course, bundle, compared))
    draft = draft_of(course)
    if draft is not None and draft.pk != seen:
        message = _("%(who)s has pushed version %(version)s at the same time. Look at it, and push again.")
        raise moved(message % {"who": _who(draft), "version": draft.version}, draft.difference)


def refuse_unless_seen(version: CourseVersion, digest: str) -> None:
    """Raises `Refused`, 409 `moved`, with what is there now, unless the version is the one that the author saw.

    An empty digest names none, as from clients that know of no digest.
    """
    if digest and digest != version.digest:
        message = _("This is not what you saw: %(who)s has pushed version %(version)s. Look at it, and try again.")
        raise moved(message % {"who": _who(version), "version": version.version}, version.difference)


def _who(version: CourseVersion) -> str:
    """People with a role in a course tell each other apart by their addresses."""
    return str(version.pushed_by) if version.pushed_by else _("An import")


def moved(message: str, difference: dict[str, Any]) -> Refused:
    """Returns a refusal with what differs, a line each."""
    problems = [{"code": "moved", "field": "", "message": line} for line in difference.get("lines", ())]
    return Refused("moved", message, 409, problems)


def _draft(
    course: Course, bundle: CourseBundle, archive: archives.Archive, compared: Compared, *, by: User, **fields: Any
) -> CourseVersion:
    """Replaces the draft of a locked course."""
    versions.check_versions(bundle, staged_only=True)
    version = services.new_version(course, bundle, archive, by=by)
    for name, value in {**fields, "difference": _difference(course, bundle, compared)}.items():
        setattr(version, name, value)
    services.end_draft(course, CourseVersion.State.REPLACED)
    version.save()
    written = staging.stage(course, bundle)
    staging.drop_staged(course, bundle)
    staged.send(CourseVersion, version=version, challenges=written, bundle=bundle)
    return version


def publish(version: CourseVersion, *, by: User, unverified: Container[str] = ()) -> CourseVersion:
    """Publishes a draft. What this server has not verified yet goes live when it has, or at once if `unverified`
    contains the challenge's id.

    Raises:
        BundleMissing: private storage has lost the archive.
        versions.VersionRefused: a version number has another content already.
        Refused: 409 `ended`, the draft was published, replaced or discarded meanwhile.
        Http404, Refused: the person may not edit the course, see `roles.refuse_unless`.
    """
    bundle = bundle_of(version)
    staging.save_files(bundle)
    with transaction.atomic():
        draft = _locked_draft(version, by)
        versions.check_versions(bundle)
        told = services.go_live(draft, bundle, linted=False, unverified=unverified, by=by)
        staff.note(StaffAction.What.DRAFT_PUBLISHED, draft, by=by, digest=draft.digest, **told)
    return draft


@transaction.atomic
def publish_waiting(version: CourseVersion, *, by: User, unverified: Container[str]) -> CourseVersion:
    """Publishes challenges of what is live that wait to be verified, if `unverified` contains their ids.

    Raises:
        Refused: 409 `nothing_waits`, no such challenge waits.
    """
    course = Course.objects.select_for_update().get(pk=version.course_id)
    roles.refuse_unless(by, course, roles.EDITS)
    staged = versions_in(version)
    waiting = [one for one in staged if one.is_draft and one.goes_live and one.challenge.name in unverified]
    if not waiting:
        message = _("The course %(course)s has no draft, and no challenge that waits to be verified.")
        raise Refused("nothing_waits", message % {"course": course.slug}, 409)
    for one in waiting:
        verification.publish(one)
    told = {"published_unverified": [str(one) for one in waiting]}
    staff.note(StaffAction.What.DRAFT_PUBLISHED, version, by=by, digest=version.digest, **told)
    return version


def _locked_draft(version: CourseVersion, by: User) -> CourseVersion:
    course = Course.objects.select_for_update().filter(pk=version.course_id).first()
    if course is None:
        # It was never published, and went with its draft.
        raise Refused("ended", _("Version %(version)s was discarded.") % {"version": version.version}, 409)
    roles.refuse_unless(by, course, roles.EDITS)
    now = CourseVersion.objects.get(pk=version.pk)
    now.course = course
    if not now.is_draft:
        state = {"version": now.version, "state": now.get_state_display()}
        raise Refused("ended", _("Version %(version)s is not a draft any more: %(state)s.") % state, 409)
    return now


@transaction.atomic
def discard(version: CourseVersion, *, by: User) -> None:
    """Discards a draft with what only it had. A course that was never published goes with it, unless something hangs
    on it, such as another person's role or an open invitation.

    Raises:
        Refused: 409 `ended`, the draft was published, replaced or discarded meanwhile.
        Http404, Refused: the person may not edit the course, see `roles.refuse_unless`.
    """
    draft = _locked_draft(version, by)
    course = draft.course
    services.end_draft(course, CourseVersion.State.DISCARDED)
    staging.drop_staged(course)
    staff.note(StaffAction.What.DRAFT_DISCARDED, draft, by=by, digest=draft.digest)
    # The app `teach` imports this app, so this app cannot import its models.
    invitations: Any = apps.get_model("teach", "Invitation")._default_manager
    others = course.enrolments.exclude(user=by).exists() or invitations.open().filter(course=course).exists()
    if not course.digest and not others:
        course.delete()


def plan_rollback(course: Course, version: str) -> Rollback:
    """Returns what a rollback to an earlier version would change. Writes nothing. Raises what `rollback` raises."""
    with _renumbered(course, version) as (_folder, bundle):
        difference = to_live(course, bundle)
    changed = [*difference["challenges"]["added"], *(one["id"] for one in difference["challenges"]["changed"])]
    live = {one.name: one.version for one in course.challenges.select_related("version")}
    numbers = {one.challenge.id: one.challenge.version for one in bundle.challenges}
    challenges = [
        {
            "id": name,
            "version": numbers[name],
            "live": now.version if now else None,
            "scores": versions.scores_of(now) if now else 0,
        }
        for name in changed
        for now in [live.get(name)]
    ]
    return Rollback(bundle.course.version, bundle.digest, difference, challenges)


def rollback(course: Course, version: str, *, by: User) -> CourseVersion:
    """Makes a draft of an earlier content under new numbers, which replaces the draft that was there.

    A challenge whose content is live keeps its number. What differs only by its number from a version that this server
    has verified is verified at once.

    Raises:
        BundleMissing: private storage has lost the archive, or the version is of a release that kept none.
        Refused: 404 `no_such_version`; 409 `is_live`, the version is live; 409 `moved`, something was published
            meanwhile; 409 `not_renumbered`, the number of a file cannot be changed by line.
        Http404, Refused: the person may not edit the course, see `roles.refuse_unless`.
    """
    with _renumbered(course, version) as (folder, bundle):
        kept = archives.keep_folder(folder)
    staging.save_files(bundle)
    compared = _compare(course, bundle)
    with transaction.atomic():
        locked = Course.objects.select_for_update().get(pk=course.pk)
        roles.refuse_unless(by, locked, roles.EDITS)
        if locked.digest != course.digest:
            raise moved(_("Something else was published at the same time."), to_live(locked, bundle))
        draft = draft_of(locked)
        if draft is not None and draft.digest == bundle.digest:
            return draft
        note = f"rollback to {version}"
        draft = _draft(locked, bundle, kept, compared, by=by, note=note)
        staff.note(StaffAction.What.COURSE_ROLLED_BACK, draft, by=by, digest=bundle.digest, to=version)
    return draft


@contextmanager
def _renumbered(course: Course, version: str) -> Iterator[tuple[Path, CourseBundle]]:
    """Unpacks an earlier content and gives it the numbers by which it can go live again."""
    target = versions.find(course, version, but=course.digest)
    if target.digest == course.digest:
        raise Refused("is_live", _("Version %(version)s is live.") % {"version": version}, 409)
    with archives.unpacked(target) as folder:
        before = read_course(folder)
        numbers = renumbering.numbers_for(course, before)
        try:
            renumbering.renumber(folder, before, next_version(course.version), numbers)
        except renumbering.NotRenumbered as error:
            raise Refused("not_renumbered", str(error), 409) from None
        yield folder, read_course(folder)
