"""What the caller has done and been told: history, comparison, notices and reports of problems."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.template.loader import render_to_string
from django.utils import translation
from ninja import Query, Router, Schema, Status
from pydantic import Field

from gradus.api.auth import Request, caller, someone
from gradus.api.results import ErrorOut, State, Track, error_of
from gradus.courses.models import ChallengeVersion
from gradus.leaderboards import boards
from gradus.learn import forms
from gradus.learn.access import own_work, shown_challenge
from gradus.learn.path.history import Entry, history_of
from gradus.learn.result import compare
from gradus.notices import services as notices
from gradus.notices.models import Notice
from gradus.reports import services as reports
from gradus.reports.models import ProblemReport
from gradus.submissions.models import Run


class EntryOut(Schema):
    """An attempt, or a run on public samples. A run can have a name."""

    uuid: UUID = Field(validation_alias="work.uuid")
    is_run: bool
    name: str
    kind: Track = Field(validation_alias="work.kind")
    status: State = Field(validation_alias="evaluation.state")
    score: float | None = Field(
        None, description="Of an attempt as it is shown, rounded down; of a run on the public samples"
    )
    error: ErrorOut | None = None
    created_at: datetime = Field(validation_alias="work.created_at")

    @staticmethod
    def resolve_name(entry: Entry) -> str:
        return entry.work.name if isinstance(entry.work, Run) else ""

    @staticmethod
    def resolve_error(entry: Entry) -> dict[str, Any] | None:
        return error_of(entry.evaluation)


class PartChangeOut(Schema):
    """A part of the payload that differs, as the pages of both show it."""

    part: str
    before: str
    after: str


class SampleChangeOut(Schema):
    """A public sample that was answered differently. `other`: another answer with the same score."""

    id: str = Field(validation_alias="before.id")
    change: Literal["better", "worse", "other"]
    before: str = Field(validation_alias="before.got")
    after: str = Field(validation_alias="after.got")


class ComparisonOut(Schema):
    changes: list[PartChangeOut]
    samples: list[SampleChangeOut]


class NoticeOut(Schema):
    """A notice that an attempt, a run or a review has ended, or an announcement of a class."""

    kind: Literal[
        "graded", "failed", "run", "reviewed", "appealed", "regraded", "answered", "announced",
        "hidden", "restored", "kept", "annulled", "counts",
    ]  # fmt: skip
    challenge: str = Field(description="Empty if the notice is an announcement of a class")
    title: str
    text: str
    page: str = Field(description="The path of the page that shows what has ended")
    created_at: datetime
    seen: bool


class ReportIn(Schema):
    what: str = Field(description="`task`, `sample`, `score` or `page`: what the problem is with")
    text: str
    track: str = Field("", description="The track on which it was found; by default the one that passes")


class ReportOut(Schema):
    """A reported problem. `answer` is empty until staff have answered it."""

    challenge: str = Field(validation_alias="version.challenge.slug")
    version: str = Field(validation_alias="version.version")
    track: str
    what: str
    text: str
    created_at: datetime
    answer: str
    answered_at: datetime | None = None


router = Router(tags=["records"], auth=someone)


LISTED = 100


@router.get("/challenges/{slug:id}/history", response=list[EntryOut])
def history(request: Request, id: str) -> list[Entry]:
    """Returns the caller's newest attempts and runs on public samples of a challenge in one list, newest first."""
    return history_of(caller(request), shown_challenge(request, id))


@router.get("/challenges/{slug:id}/comparison", response=ComparisonOut)
def comparison(request: Request, id: str, before: UUID, after: UUID) -> ComparisonOut:
    """Compares two of the caller's attempts or runs: the parts of the payload and the public samples that differ."""
    challenge, user = shown_challenge(request, id), caller(request)
    found = compare.compare(own_work(user, challenge, before), own_work(user, challenge, after))
    old, new = compare.texts(found.before.payload), compare.texts(found.after.payload)
    return ComparisonOut.model_validate(
        {
            "changes": [
                {"part": one.name, "before": old.get(one.name, ""), "after": new.get(one.name, "")}
                for one in found.changes
            ],
            "samples": found.flips,
        }
    )


@router.get("/notices", response=list[NoticeOut])
def notice_list(
    request: Request, unseen: Annotated[bool, Query(description="Only those that were not seen yet")] = False
) -> list[NoticeOut]:
    """Returns the caller's newest notices. Reading them here does not mark them as seen."""
    found = Notice.objects.of(caller(request)).with_subjects()
    return [_notice(one) for one in (found.unseen() if unseen else found)[:LISTED]]


@router.post("/notices/seen", response=list[NoticeOut])
def notices_seen(request: Request) -> list[NoticeOut]:
    """Marks the caller's newest notices as seen, and returns those that were new."""
    user = caller(request)
    found = list(Notice.objects.of(user).unseen().with_subjects()[:LISTED])
    notices.see_all(user, found)
    return [_notice(one) for one in found]


def _notice(notice: Notice) -> NoticeOut:
    with translation.override("en"):
        title, text = (
            " ".join(render_to_string(name, {"notice": notice, "challenge": notice.subject}).split())
            for name in ("notices/plain_title.txt", "notices/plain_text.txt")
        )
    return NoticeOut.model_validate(
        {
            "kind": notice.kind,
            "challenge": notice.version.challenge.slug if notice.version else "",
            "title": title,
            "text": text,
            "page": notice.address,
            "created_at": boards.whole_second(notice.created_at),
            "seen": notice.seen_at is not None,
        }
    )


@router.post("/challenges/{slug:id}/reports", response={201: ReportOut})
def report_make(request: Request, id: str, given: ReportIn) -> Status[ProblemReport]:
    """Reports a problem with a challenge to the people who run the course. Their answer is a notice."""
    challenge = shown_challenge(request, id)
    track = forms.kind_of(challenge.spec, given.track)
    made = reports.report(caller(request), challenge, track=track, what=given.what, text=given.text)
    return Status(201, made)


@router.get("/reports", response=list[ReportOut])
def report_list(request: Request) -> QuerySet[ProblemReport]:
    """Returns the problems that the caller has reported, newest first, with the answers of staff."""
    found = ProblemReport.objects.filter(user=caller(request)).select_related("version__challenge")
    return found.defer(*ChallengeVersion.content("version"))[:LISTED]
