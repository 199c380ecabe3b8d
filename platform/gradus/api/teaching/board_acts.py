"""The calls by which people decide about entries of leaderboards: marks, annulled attempts, seasons, and grading again.

Each is refused with 409 where somebody has done it meanwhile, so that a call that is sent twice is done once.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from ninja import Router, Schema, Status
from pydantic import Field

from challenges.payloads import Whole
from gradus.accounts import roles
from gradus.api.auth import Request, caller, requires
from gradus.api.leaderboards import SeasonOut
from gradus.api.regrades import RegradeOut, regrade_out
from gradus.api.teaching.moderation import (
    BoardDates,
    EntryAttemptOut,
    EntryMarkOut,
    Kind,
    attempt_of,
    board_of,
)
from gradus.classes import times
from gradus.courses.board_versions import set_dates
from gradus.courses.models import Challenge, Course
from gradus.refusal import wrong
from gradus.reviews import services as reviews
from gradus.reviews.services.regrades import NOTE_CHARS
from gradus.submissions.models import Annulment, Mark, Season, Submission
from gradus.submissions.models.board_decisions import REASON_CHARS, SEASON_TITLE_CHARS
from gradus.submissions.results import board_decisions as services
from gradus.submissions.services.reruns import OTHERS_MAX, run_again
from gradus.teach.board_entries import people_of

SMALL = 32_767


class MarkIn(Schema):
    kind: Kind = Field(description="`flag` is a note for staff; `hidden` takes the learner's rank on all tracks")
    reason: str = Field(max_length=REASON_CHARS, description="The learner reads the reason of a hiding, and no flag")


class EndIn(Schema):
    reason: str = Field("", max_length=REASON_CHARS, description="For the record of what staff did; may be left out")


class AnnulIn(Schema):
    reason: str = Field(max_length=REASON_CHARS, description="Its learner reads it")


class AnnulmentEndIn(EndIn):
    annulment: Whole = Field(ge=1, description="The number of the annulment that the caller read")


class RerunIn(Schema):
    others: Whole = Field(
        0,
        ge=0,
        le=OTHERS_MAX,
        description="How many other seeds are run beside that of the attempt, where its method trains",
    )


class SeasonIn(Schema):
    title: str = Field(max_length=SEASON_TITLE_CHARS, description="Learners read it")
    ends: Whole = Field(
        ge=0,
        le=SMALL,
        description="The number of the season that the caller saw running. 409 `changed_meanwhile` if it is another",
    )


class EntryRegradeIn(Schema):
    reason: str = Field(max_length=NOTE_CHARS, description="Stored with the shadow run; learners do not read it")
    attempts: list[UUID] | None = Field(
        None, min_length=1, max_length=500, description="The attempts to grade again; all of the learner if left out"
    )


router = Router(tags=["boards"], auth=requires(roles.DECIDES))


def mark_of(request: Request, challenge: Challenge, mark: int) -> Mark:
    """Returns the mark. Raises `Http404` also for a flag of the own entry, of which its learner must not know."""
    others = Mark.objects.exclude(kind=Mark.Kind.FLAG, user=caller(request))
    return get_object_or_404(others, challenge=challenge, pk=mark)


@router.post("/boards/{slug:id}/entries/{int:entry}/marks", response={201: EntryMarkOut})
def board_mark(request: Request, id: str, entry: int, given: MarkIn) -> Status[Mark]:
    """Flags an entry, or hides it. 409 `marked_already` if such a mark stands."""
    challenge = board_of(request, id, roles.DECIDES)
    person = get_object_or_404(people_of(challenge), pk=entry)
    made = services.mark(person, challenge, Mark.Kind(given.kind), by=caller(request), reason=given.reason)
    return Status(201, made)


@router.post("/boards/{slug:id}/marks/{int:mark}/end", response=EntryMarkOut)
def board_mark_end(request: Request, id: str, mark: int, given: EndIn) -> Mark:
    """Clears a flag, or restores a hidden entry. 409 `ended_already` if somebody has done it."""
    found = mark_of(request, board_of(request, id, roles.DECIDES), mark)
    services.end_mark(found, by=caller(request), reason=given.reason)
    return Mark.objects.get(pk=found.pk)


@router.post("/boards/{slug:id}/marks/{int:mark}/keep", response=EntryMarkOut)
def board_mark_keep(request: Request, id: str, mark: int) -> Mark:
    """Notes that the answer of a hidden learner was read, and that the entry stays hidden."""
    found = mark_of(request, board_of(request, id, roles.DECIDES), mark)
    services.keep_hidden(found, by=caller(request))
    return Mark.objects.get(pk=found.pk)


@router.post("/boards/{slug:id}/attempts/{uuid:uuid}/annul", response=EntryAttemptOut)
def board_annul(request: Request, id: str, uuid: UUID, given: AnnulIn) -> dict[str, Any]:
    """Lets an attempt count nowhere. 409 `annulled_already` if somebody has done it."""
    challenge = board_of(request, id, roles.DECIDES)
    attempt = get_object_or_404(Submission, challenge=challenge, uuid=uuid)
    services.annul(attempt, by=caller(request), reason=given.reason)
    return attempt_of(request, challenge, uuid)


@router.post("/boards/{slug:id}/attempts/{uuid:uuid}/count", response=EntryAttemptOut)
def board_count(request: Request, id: str, uuid: UUID, given: AnnulmentEndIn) -> dict[str, Any]:
    """Lets an annulled attempt count again. 409 `ended_already` if this annulment has ended."""
    challenge = board_of(request, id, roles.DECIDES)
    ended = get_object_or_404(Annulment, submission__challenge=challenge, submission__uuid=uuid, pk=given.annulment)
    services.end_annulment(ended, by=caller(request), reason=given.reason)
    return attempt_of(request, challenge, uuid)


@router.post("/boards/{slug:id}/attempts/{uuid:uuid}/reruns", response={201: EntryAttemptOut})
def board_rerun(request: Request, id: str, uuid: UUID, given: RerunIn) -> Status[dict[str, Any]]:
    """Runs an attempt again to verify its score, behind learners' work. Nothing of it counts."""
    challenge = board_of(request, id, roles.DECIDES)
    attempt = get_object_or_404(Submission, challenge=challenge, uuid=uuid)
    run_again(attempt, by=caller(request), others=given.others)
    return Status(201, attempt_of(request, challenge, uuid))


@router.post("/boards/{slug:id}/entries/{int:entry}/regrades", response={201: RegradeOut})
def board_regrade(request: Request, id: str, entry: int, given: EntryRegradeIn) -> Status[RegradeOut]:
    """Starts a shadow run of one learner's attempts. No grade changes until `/regrades/{id}/approve`."""
    challenge = board_of(request, id, roles.DECIDES)
    person = get_object_or_404(people_of(challenge), pk=entry)
    own = Submission.objects.of(person).filter(challenge=challenge)
    chosen = None if given.attempts is None else list(own.filter(uuid__in=given.attempts))
    if chosen is not None and len(chosen) < len(set(given.attempts or ())):
        raise wrong("attempts", "This learner has no such attempt at the challenge.", "no_such_attempt")
    made = reviews.regrade_learner(person, challenge, by=caller(request), reason=given.reason, submissions=chosen)
    return Status(201, regrade_out(made))


@router.post("/boards/{slug:id}/seasons", response={201: SeasonOut})
def board_season(request: Request, id: str, given: SeasonIn) -> Status[Season]:
    """Ends the season that runs, and begins another one, whose boards have no entries yet."""
    made = services.begin_season(board_of(request, id, roles.DECIDES), given.title, by=caller(request), ends=given.ends)
    return Status(201, made)


@router.get("/boards/{slug:id}/dates", response=BoardDates, auth=requires(roles.SEES_ANSWERS))
def board_dates(request: Request, id: str) -> Course:
    """Returns when the leaderboards of the challenge's course close, and when they show final ranks."""
    return board_of(request, id).course


@router.put("/boards/{slug:id}/dates", response=BoardDates)
def board_dates_set(request: Request, id: str, given: BoardDates) -> Course:
    """Says when all leaderboards of the challenge's course close, and when they show final ranks."""
    challenge = board_of(request, id, roles.DECIDES)
    dates = times.read_all(given.model_dump(), challenge.course.timezone)
    return set_dates(challenge.course_id, **dates, by=caller(request))
