"""API calls about what the caller has done and been told: history, comparison, notices and reports of problems."""

from typing import Annotated
from uuid import UUID

from django.http import Http404
from django.template.loader import render_to_string
from django.utils import translation
from ninja import Query, Router, Status

from gradus.api import result_shapes as outcomes
from gradus.api import schemas
from gradus.api.auth import Request, caller, someone
from gradus.api.challenges import shown, visible
from gradus.courses.models import ChallengeVersion
from gradus.leaderboards import boards
from gradus.learn import forms
from gradus.learn.access import own_work
from gradus.learn.path.history import Entry, history_of
from gradus.learn.result import compare
from gradus.notices import services as notices
from gradus.notices.models import Notice
from gradus.reports import services as reports
from gradus.reports.models import ProblemReport
from gradus.submissions import services
from gradus.submissions.models import Run

router = Router(tags=["records"], auth=someone)
LISTED = 100


@router.get("/challenges/{slug:id}/history", response=list[schemas.EntryOut])
def history(request: Request, id: str) -> list[schemas.EntryOut]:
    """Returns the caller's newest attempts and runs on public samples of a challenge in one list, newest first."""
    return [_entry(one) for one in history_of(caller(request), shown(id))]


def _entry(entry: Entry) -> schemas.EntryOut:
    return schemas.EntryOut.model_validate(
        {
            "uuid": entry.work.uuid,
            "is_run": entry.is_run,
            "name": entry.work.name if isinstance(entry.work, Run) else "",
            "kind": entry.work.kind,
            "status": entry.evaluation.state,
            "score": entry.score,
            "error": outcomes.error_of(entry.evaluation),
            "created_at": entry.work.created_at,
        }
    )


@router.put("/runs/{uuid:uuid}/name", response=schemas.RunOut)
def run_name(request: Request, uuid: UUID, given: schemas.NameIn) -> schemas.RunOut:
    """Gives a run of the caller a name in the history; an empty name takes it away."""
    found = visible(request, uuid)
    if found.user_id != caller(request).pk or found.purpose != Run.Purpose.TRIAL:
        raise Http404
    services.name_run(found, given.name)
    return outcomes.run(found)


@router.get("/challenges/{slug:id}/comparison", response=schemas.ComparisonOut)
def comparison(request: Request, id: str, before: UUID, after: UUID) -> schemas.ComparisonOut:
    """Compares two of the caller's attempts or runs: the parts of the payload and the public samples that differ."""
    challenge, user = shown(id), caller(request)
    found = compare.compare(own_work(user, challenge, before), own_work(user, challenge, after))
    old, new = compare.texts(found.before.payload), compare.texts(found.after.payload)
    return schemas.ComparisonOut.model_validate(
        {
            "changes": [
                {"part": one.name, "before": old.get(one.name, ""), "after": new.get(one.name, "")}
                for one in found.changes
            ],
            "samples": [
                {"id": one.before.id, "change": one.change, "before": one.before.got, "after": one.after.got}
                for one in found.flips
            ],
        }
    )


@router.get("/notices", response=list[schemas.NoticeOut])
def notice_list(
    request: Request, unseen: Annotated[bool, Query(description="Only those that were not seen yet")] = False
) -> list[schemas.NoticeOut]:
    """Returns the caller's newest notices. Reading them here does not mark them as seen."""
    found = Notice.objects.of(caller(request)).with_subjects()
    return [_notice(one) for one in (found.unseen() if unseen else found)[:LISTED]]


@router.post("/notices/seen", response=list[schemas.NoticeOut])
def notices_seen(request: Request) -> list[schemas.NoticeOut]:
    """Marks the caller's newest notices as seen, and returns those that were new."""
    user = caller(request)
    found = list(Notice.objects.of(user).unseen().with_subjects()[:LISTED])
    notices.see_all(user, found)
    return [_notice(one) for one in found]


def _notice(notice: Notice) -> schemas.NoticeOut:
    with translation.override("en"):
        title, text = (
            " ".join(render_to_string(name, {"notice": notice, "challenge": notice.version.parsed.title}).split())
            for name in ("notices/plain_title.txt", "notices/plain_text.txt")
        )
    return schemas.NoticeOut.model_validate(
        {
            "kind": notice.kind,
            "challenge": notice.version.challenge.slug,
            "title": title,
            "text": text,
            "page": notice.address,
            "created_at": boards.whole_second(notice.created_at),
            "seen": notice.seen_at is not None,
        }
    )


@router.post("/challenges/{slug:id}/reports", response={201: schemas.ReportOut})
def report_make(request: Request, id: str, given: schemas.ReportIn) -> Status[schemas.ReportOut]:
    """Reports a problem with a challenge to the people who run the course. Their answer is a notice."""
    challenge = shown(id)
    track = forms.kind_of(challenge.spec, given.track)
    made = reports.report(caller(request), challenge, track=track, what=given.what, text=given.text)
    return Status(201, _report(made))


@router.get("/reports", response=list[schemas.ReportOut])
def report_list(request: Request) -> list[schemas.ReportOut]:
    """Returns the problems that the caller has reported, newest first, with the answers of staff."""
    found = ProblemReport.objects.filter(user=caller(request)).select_related("version__challenge")
    return [_report(one) for one in found.defer(*ChallengeVersion.content("version"))[:LISTED]]


def _report(report: ProblemReport) -> schemas.ReportOut:
    return schemas.ReportOut(
        challenge=report.version.challenge.slug,
        version=report.version.version,
        track=report.track,
        what=report.what,
        text=report.text,
        created_at=report.created_at,
        answer=report.answer,
        answered_at=report.answered_at,
    )
