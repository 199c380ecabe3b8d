"""Services for reported problems: a learner reports one, and staff answer it."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from gradus.accounts import staff_actions as staff
from gradus.accounts.models import StaffAction, User
from gradus.courses.models import Challenge
from gradus.notices.services import tell_of_answer
from gradus.refusal import refuse_broken, too_long
from gradus.reports.models import TEXT_CHARS, ProblemReport
from gradus.submissions.budgets import limits, slots
from gradus.submissions.budgets.limits import Use
from gradus.submissions.results.standings import hold_learner
from gradus.submissions.services import Refused


def report(user: User, challenge: Challenge, *, track: str, what: str, text: str) -> ProblemReport:
    """Keeps a problem that a person has found in the challenge's live version.

    A report that is sent again while it is open, as by a double click, is kept once.

    Raises:
        Refused: 422, the problem is not one of the choices, or the text is empty, too long, or has a character that is
            not allowed; 429, the person has reported too many problems of this challenge today.
    """
    assert challenge.version is not None
    if problems := _problems(what, text):
        raise Refused("bad_report", _("The report was not sent."), problems=problems)
    values = {"version": challenge.version, "track": track, "what": what, "text": text.strip()}

    def once() -> ProblemReport:
        # Of two equal reports at the same moment, the second waits here and then finds the first.
        hold_learner(user.pk)
        before = ProblemReport.objects.filter(user=user, answered_at=None, **values).first()
        if before is not None:
            return before
        slot = slots.take(limits.REPORTS, Use(user=user, challenge=challenge))
        return ProblemReport.objects.create(user=user, slot=slot, **values)

    return slots.try_again(once)


def _problems(what: str, text: str) -> list[dict[str, Any]]:
    """What is wrong with a report, one entry for each field."""
    known = what in ProblemReport.What.values
    problems = [] if known else [{"code": "no_choice", "field": "what", "message": _("Choose what is wrong.")}]
    try:
        check_text("text", text, _("Describe the problem in a sentence or two, so that somebody can find it."))
    except Refused as refused:
        problems += refused.problems
    return problems


def check_text(field: str, text: str, if_empty: str) -> None:
    """Raises `Refused` (422) if the text is empty, too long, or has a character that is not allowed."""
    refuse_broken(field, text)
    stripped = text.strip()
    if not stripped:
        raise Refused("no_text", if_empty, problems=[{"code": "no_text", "field": field, "message": if_empty}])
    if len(stripped) > TEXT_CHARS:
        raise too_long(field, stripped, TEXT_CHARS)


@transaction.atomic
def answer(report: ProblemReport, *, by: User, text: str) -> ProblemReport:
    """Answers a report, which closes it, and tells the person who made it.

    Raises:
        Refused: 409, somebody else has answered it; 422, the text is empty, too long, or has a character that is not
            allowed.
    """
    check_text("answer", text, _("Write an answer for the person who reported this."))
    waiting = ProblemReport.objects.filter(pk=report.pk, answered_at=None)
    if waiting.update(answer=text.strip(), answered_at=timezone.now(), answered_by=by) != 1:
        raise Refused("answered", _("Somebody else has just answered this report."), 409)
    report.refresh_from_db()
    staff.note(StaffAction.What.REPORT_ANSWERED, report, by=by, report=report.pk)
    tell_of_answer(report.user, report.pk)
    return report
