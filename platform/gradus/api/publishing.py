"""Versions of a course and its draft: published, discarded, rolled back to and pulled. `uploads` pushes a draft."""

from collections.abc import Container, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import Count
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field, StrictBool

from gradus.accounts import roles
from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.accounts.token_rules import Content, Scope
from gradus.api.auth import Request, caller, requires
from gradus.courses import archives, board_versions, differences, publishing, verification, versions
from gradus.courses.models import Challenge, ChallengeVersion, Course, CourseVersion
from gradus.downloads import download
from gradus.refusal import Refused
from gradus.submissions import services
from gradus.submissions.models import Standing
from gradus.submissions.services.progress import Progress

READS = requires(Scope(Content.VIEWER))
WRITES = requires(Scope(Content.EDITOR))


class CheckOut(Schema):
    """A check of a challenge's version on this server's workers."""

    what: Literal["lint", "baseline", "finding"]
    name: str
    state: Literal["waiting", "running", "passed", "failed"]
    score: float | None = None
    said: str = Field(description="What is wrong, or what it waits for; empty where the state says all")


class ChallengeVersionOut(Schema):
    id: str
    slug: str = Field(description="By which other calls name the challenge; its id, unless an earlier course has it")
    version: str
    state: Literal["draft", "waiting", "live", "replaced"] = Field(
        description="draft: part of a draft of the course; waiting: goes live when it is verified"
    )
    is_verified: bool
    lacking: list[str] = Field(description="What is missing before this server has verified it")
    runs: list[CheckOut]
    scores_waiting: int = Field(description="How many scores of other versions are not on the board of this one")
    board_version: str | None = Field(None, description="The version whose board learners see, if it is another one")


class ProgressOut(Schema):
    done: int
    total: int


class VersionBrief(Schema):
    """One content of a course. `state` is `draft`, `published`, `replaced` or `discarded`."""

    course: str
    version: str
    digest: str
    state: Literal["draft", "published", "replaced", "discarded"]
    is_live: bool
    has_archive: bool = Field(description="Whether it can be pulled, and rolled back to")
    note: str
    pushed_at: datetime
    pushed_by: str | None = None
    published_at: datetime | None = None
    published_by: str | None = None


class VersionOut(VersionBrief):
    difference: dict[str, Any] = Field(description="To what was live when it was pushed. `lines` are for people.")
    not_checked: list[str] = Field(description="What the push could not check; this server's workers do")
    is_verified: bool
    progress: ProgressOut
    challenges: list[ChallengeVersionOut]


DIGEST = "^([0-9a-f]{64})?$"
SEEN = "The digest of the draft that the author saw: another one is refused with `moved`"


class PublishIn(Schema):
    digest: str = Field("", pattern=DIGEST, description=SEEN)
    unverified: StrictBool | list[str] = Field(
        False, description="Challenges to publish at once, although this server has not verified them; true for all"
    )


class DiscardIn(Schema):
    digest: str = Field("", pattern=DIGEST, description=SEEN)


class RollbackIn(Schema):
    version: str = Field(min_length=1, max_length=64, description="The number, or the first 12 characters of a digest")
    dry_run: bool = Field(False, strict=True, description="Only tell what would change")
    digest: str = Field(
        "", pattern=DIGEST, description="What the dry run answered: if it would be another now, `moved` is answered"
    )


class RolledChallenge(Schema):
    id: str
    version: str
    live: str | None = None
    scores: int = Field(description="How many scores of the live version a regrade would move")


class RollbackOut(Schema):
    """What a rollback would publish, or has made a draft of: then `draft` is that version."""

    version: str
    digest: str
    difference: dict[str, Any]
    challenges: list[RolledChallenge]
    draft: VersionOut | None = None


def version_brief(version: CourseVersion) -> dict[str, Any]:
    kept = ("version", "digest", "state", "note", "pushed_at", "published_at")
    return {
        **{key: getattr(version, key) for key in kept},
        "course": version.course.slug,
        "is_live": version.state == "published" and version.digest == version.course.digest,
        "has_archive": bool(version.archive),
        "pushed_by": version.pushed_by and str(version.pushed_by),
        "published_by": version.published_by and str(version.published_by),
    }


def version_out(version: CourseVersion, user: User) -> VersionOut:
    """Returns a version with the state of its challenges, in a fixed number of queries.

    Who does not edit the course can be ranked in it, and reads nothing about single hidden rows.
    """
    edits = roles.may(user, version.course, roles.EDITS)
    held = publishing.versions_in(version)
    progress, waiting = services.progress(held), _scores_waiting(version.course, held)
    return VersionOut.model_validate(
        {
            **version_brief(version),
            "difference": version.difference if edits else differences.for_viewers(version.difference),
            "not_checked": version.not_checked,
            "is_verified": all(one.is_verified for one in held),
            "progress": progress,
            "challenges": [_challenge(one, progress, waiting[one.pk], edits) for one in held],
        }
    )


def _challenge(version: ChallengeVersion, progress: Progress, waiting: int, edits: bool = True) -> dict[str, Any]:
    board = version.challenge.board_version
    lacking = [] if version.is_verified else verification.lacking(version)
    checks = progress.checks.get(version.pk, ())
    if not edits:
        lacking = list(dict.fromkeys(map(verification.for_viewers, lacking)))
        checks = [replace(check, said=verification.for_viewers(check.said)) for check in checks]
    return {
        "id": version.challenge.name,
        "slug": version.challenge.slug,
        "version": version.version,
        "state": _state(version),
        "is_verified": version.is_verified,
        "lacking": lacking,
        "runs": checks,
        "scores_waiting": waiting,
        "board_version": board.version if board and board.pk != version.pk else None,
    }


def _state(version: ChallengeVersion) -> str:
    if version.challenge.version_id == version.pk:
        return "live"
    if not version.is_draft:
        return "replaced"
    return "waiting" if version.goes_live else "draft"


def _scores_waiting(course: Course, held: Iterable[ChallengeVersion]) -> dict[int, int]:
    """Returns by version how many ranked learners have their score only by other versions of the challenge."""
    by_challenge = {one.challenge_id: one.pk for one in held}
    counts = dict.fromkeys(by_challenge.values(), 0)
    ranked = Standing.objects.ranked(course.pk).filter(challenge__in=by_challenge)
    for challenge, version, count in ranked.order_by().values_list("challenge", "version").annotate(n=Count("pk")):
        if version != by_challenge[challenge]:
            counts[by_challenge[challenge]] += count
    return counts


router = Router(tags=["publishing"], auth=WRITES)


def _course(request: Request, id: str, need: Scope) -> Course:
    """Returns a course in which the caller may do `need`; for others there is none, or it is refused."""
    course = get_object_or_404(Course, slug=id)
    roles.refuse_unless(caller(request), course, need)
    return course


def _draft(request: Request, id: str, need: Scope, digest: str = "") -> CourseVersion:
    draft = publishing.draft_of(_course(request, id, need))
    if draft is None:
        raise Refused("no_draft", f"The course {id} has no draft. `gradus course push` makes one.", 404)
    publishing.refuse_unless_seen(draft, digest)
    return draft


def _live(request: Request, id: str, need: Scope) -> CourseVersion:
    live = _course(request, id, need).versions.published().first()
    if live is None:
        raise Refused("no_such_version", f"The course {id} was never published.", 404)
    return live


@router.get("/courses/{slug:id}/versions", response=list[VersionBrief], auth=READS)
def course_versions(request: Request, id: str) -> list[VersionBrief]:
    """Returns all contents that a course had, newest first."""
    rows = _course(request, id, roles.VIEWS).versions.select_related("course", "pushed_by", "published_by")
    return [VersionBrief.model_validate(version_brief(one)) for one in rows.order_by("-pk")]


@router.get("/courses/{slug:id}/draft", response=VersionOut, auth=READS)
def course_draft(request: Request, id: str) -> VersionOut:
    """Returns the draft of a course: what it changes, and how far its verification is."""
    return version_out(_draft(request, id, roles.VIEWS), caller(request))


@router.get("/courses/{slug:id}/live", response=VersionOut, auth=READS)
def course_live(request: Request, id: str) -> VersionOut:
    """Returns the content of a course that was published last, with what is still waiting to be verified."""
    return version_out(_live(request, id, roles.VIEWS), caller(request))


@router.post("/courses/{slug:id}/draft/publish", response=VersionOut)
def draft_publish(request: Request, id: str, given: PublishIn) -> VersionOut:
    """Publishes the draft. What is not verified yet goes live as soon as it is, or at once if `unverified` names it.

    Without a draft, `unverified` names challenges of what is published that wait to be verified.
    """
    live = _course(request, id, roles.EDITS).versions.published().first()
    if given.unverified and live and publishing.draft_of(live.course) is None:
        publishing.refuse_unless_seen(live, given.digest)
        chosen = _chosen(live, given.unverified)
        return version_out(publishing.publish_waiting(live, by=caller(request), unverified=chosen), caller(request))
    draft = _draft(request, id, roles.EDITS, given.digest)
    made = publishing.publish(draft, by=caller(request), unverified=_chosen(draft, given.unverified))
    return version_out(made, caller(request))


def _chosen(draft: CourseVersion, unverified: bool | list[str]) -> Container[str]:
    if isinstance(unverified, bool):
        return draft.digests if unverified else ()
    unknown = [name for name in unverified if name not in draft.digests]
    if unknown:
        said = f"This course has no challenge {', '.join(unknown)}. Its challenges are: {', '.join(draft.digests)}."
        raise Refused(
            "no_such_challenge", said, 422, [{"code": "no_such_challenge", "field": "unverified", "message": said}]
        )
    return unverified


@router.post("/courses/{slug:id}/draft/discard", response={204: None})
def draft_discard(request: Request, id: str, given: DiscardIn | None = None) -> Status[None]:
    """Discards the draft. A course that was never published goes with it."""
    draft = _draft(request, id, roles.EDITS, given.digest if given else "")
    publishing.discard(draft, by=caller(request))
    return Status(204, None)


@router.post("/courses/{slug:id}/draft/findings", response=VersionOut)
def draft_findings(request: Request, id: str) -> VersionOut:
    """Checks the findings of the draft: records and claims at once, and each arm's first repetition by the workers."""
    return _with_findings(request, _draft(request, id, roles.EDITS))


@router.post("/courses/{slug:id}/live/findings", response=VersionOut)
def live_findings(request: Request, id: str) -> VersionOut:
    """Checks the findings of what is live, as those of a draft are checked."""
    return _with_findings(request, _live(request, id, roles.EDITS))


def _with_findings(request: Request, version: CourseVersion) -> VersionOut:
    services.verify_findings(version)
    return version_out(version, caller(request))


@router.post("/courses/{slug:id}/rollback", response={200: RollbackOut, 201: RollbackOut})
def course_rollback(request: Request, id: str, given: RollbackIn) -> Status[RollbackOut]:
    """Makes a draft of an earlier content under new numbers, or tells what that would change."""
    course = _course(request, id, roles.EDITS)
    planned = publishing.plan_rollback(course, given.version)
    if given.digest and given.digest != planned.digest:
        raise publishing.moved(_("Something else was published since the dry run."), planned.difference)
    draft = None if given.dry_run else publishing.rollback(course, given.version, by=caller(request))
    made = version_out(draft, caller(request)) if draft else None
    return Status(201 if draft else 200, RollbackOut.model_validate({**vars(planned), "draft": made}))


ZIP: dict[str, Any] = {"responses": {200: {"description": "OK", "content": {"application/zip": {}}}}}


@router.get("/courses/{slug:id}/bundle", openapi_extra=ZIP)
def course_bundle(request: Request, id: str, version: Annotated[str, Query(max_length=64)] = "") -> FileResponse:
    """Returns the zip of a course's folder, with hidden rows: what is live, `draft`, or a version by its number."""
    course = _course(request, id, roles.EDITS)
    found = _draft(request, id, roles.EDITS) if version == "draft" else versions.find(course, version or course.version)
    file = archives.open_archive(found)
    staff.note(StaffAction.What.COURSE_PULLED, found, by=caller(request), digest=found.digest)
    return download(request, file, content_type="application/zip", filename=f"{course.slug}-{found.version}.zip")


@router.post("/courses/{slug:id}/challenges/{slug:challenge}/board", response=ChallengeVersionOut)
def board_begin(request: Request, id: str, challenge: str) -> ChallengeVersionOut:
    """Begins the board of a challenge's live version. Scores of earlier versions leave it until they are regraded."""
    course = _course(request, id, roles.EDITS)
    row = get_object_or_404(Challenge.objects.shown(), course=course, name=challenge)
    live = board_versions.begin(row, by=caller(request))
    return ChallengeVersionOut.model_validate(
        _challenge(live, services.progress([live]), _scores_waiting(course, [live])[live.pk])
    )
