"""A challenge's page and what belongs to it: hints, public samples, solution, and the report of a problem."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner, learner_or_guest
from gradus.courses import catalogue, preview
from gradus.courses.models import Challenge
from gradus.learn import forms
from gradus.learn.access import shown_challenge
from gradus.learn.challenge_page import challenge_page, hints_context
from gradus.learn.form_problems import REPORT, Problem, of_refusal
from gradus.learn.kind_pages import Draft, page_of, with_line_feeds
from gradus.learn.kinds.jsonl import json_lines, jsonl_file
from gradus.learn.lesson import markdown
from gradus.learn.path import steps
from gradus.reports import services as reports
from gradus.reports.models import TEXT_CHARS, ProblemReport
from gradus.submissions import services
from gradus.submissions.models import Run, Submission
from gradus.submissions.services import Refused

THANKS = _("Thank you. The people who run this course will read your report. Their answer will be in your notices.")


def challenge(request: HttpRequest, slug: str) -> HttpResponse:
    """Statement, samples, limits, hints, and the form of the track asked for."""
    challenge = shown_challenge(request, slug)
    draft, extra = _draft(request, challenge), dict[str, Any]()
    if challenge.version is not None:
        draft, extra = page_of(draft.kind).opened(request, challenge.version, draft)
    return challenge_page(request, challenge, draft, extra=extra)


def _draft(request: HttpRequest, challenge: Challenge) -> Draft:
    """From the attempt or run that was asked for, else from the last attempt of this track, else blank."""
    spec = challenge.spec
    kind = forms.kind_of(spec, request.GET.get("track"))
    before = _before(request, challenge, kind)
    return forms.started(spec, kind, before.payload if before else None)


def _before(request: HttpRequest, challenge: Challenge, kind: str) -> Submission | Run | None:
    user = learner(request)
    if user is None or "blank" in request.GET or "rows" in request.GET:
        return None
    attempts = Submission.objects.of(user).filter(challenge=challenge, kind=kind)
    runs = Run.objects.trials_of(user, challenge).filter(kind=kind)
    chosen = _uuid(request.GET.get("from", ""))
    if chosen is None:
        return attempts.first()
    return attempts.filter(uuid=chosen).first() or runs.filter(uuid=chosen).first() or attempts.first()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@require_POST
def hint(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows one hint more."""
    challenge = shown_challenge(request, slug)
    services.take_hint(learner_or_guest(request), challenge)
    if request.headers.get("HX-Request"):
        return render(request, "learn/_hints.html", hints_context(request, challenge))
    return redirect(reverse("learn:challenge", args=[slug]) + "#hints")


def samples(request: HttpRequest, slug: str) -> HttpResponse:
    """The public samples, as a file."""
    challenge = shown_challenge(request, slug)
    if challenge.version is None or not challenge.version.public:
        raise Http404
    keys = ("id", "input", "target", "documents")
    rows = [{key: row[key] for key in keys if key in row} for row in challenge.version.public]
    return jsonl_file(json_lines(rows), f"{slug}-public.jsonl")


def solution(request: HttpRequest, slug: str) -> HttpResponse:
    """After passing only, and in previews."""
    challenge = shown_challenge(request, slug)
    is_open = preview.is_on() or steps.has_passed(learner(request), challenge)
    if challenge.version is None or not is_open:
        return render(request, "learn/solution_locked.html", {"challenge": challenge}, status=403)
    page = markdown.render(challenge.version.solution, catalogue.now().moved(challenge.course))
    return render(request, "learn/solution.html", {"challenge": challenge, "page": page})


def board(request: HttpRequest, slug: str) -> HttpResponse:
    """The address at which approaches were compared before there was a page about costs."""
    return redirect("learn:costs", shown_challenge(request, slug).slug, permanent=True)


def report(request: HttpRequest, slug: str) -> HttpResponse:
    """The form with which a learner reports a problem. What is refused stays in the form, beside the reason."""
    challenge = shown_challenge(request, slug)
    if request.method != "POST":
        return _report_form(request, challenge)
    given = _reported(request, challenge)
    try:
        reports.report(learner_or_guest(request), challenge, **given)
    except Refused as refused:
        response = _report_form(request, challenge, of_refusal(refused, REPORT), status=refused.status)
        if refused.retry_after:
            response["Retry-After"] = str(refused.retry_after)
        return response
    messages.success(request, THANKS)
    return redirect(reverse("learn:challenge", args=[slug]) + f"?track={given['track']}")


def _reported(request: HttpRequest, challenge: Challenge) -> dict[str, str]:
    sent = request.POST if request.method == "POST" else request.GET
    return {
        "track": forms.kind_of(challenge.spec, sent.get("track")),
        "what": sent.get("what", ""),
        "text": with_line_feeds(sent.get("text", "")),
    }


def _report_form(
    request: HttpRequest, challenge: Challenge, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        **_reported(request, challenge),
        "challenge": challenge,
        "choices": ProblemReport.What.choices,
        "text_chars": TEXT_CHARS,
        "problems": problems,
    }
    return render(request, "learn/report.html", context, status=status)
