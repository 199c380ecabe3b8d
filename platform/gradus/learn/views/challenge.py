from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner, learner_or_guest
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.learn import forms
from gradus.learn.challenge_page import challenge_page, hints_context
from gradus.learn.kinds.base import Draft
from gradus.learn.kinds.jsonl import json_lines, jsonl_file
from gradus.learn.kinds.registry import page_of
from gradus.learn.lesson import markdown
from gradus.learn.path import steps
from gradus.learn.views.access import shown_challenge
from gradus.submissions import services
from gradus.submissions.models import Run, Submission


def challenge(request: HttpRequest, slug: str) -> HttpResponse:
    """Statement, samples, limits, hints, and the form of the track asked for."""
    found = shown_challenge(slug)
    draft, extra = _draft(request, found), dict[str, Any]()
    if found.version is not None:
        draft, extra = page_of(draft.kind).opened(request, found.version, draft)
    return challenge_page(request, found, draft, extra=extra)


def _draft(request: HttpRequest, found: Challenge) -> Draft:
    """From the attempt or run that was asked for, else from the last attempt of this track, else blank."""
    spec = found.spec
    kind = forms.kind_of(spec, request.GET.get("track"))
    before = _before(request, found, kind)
    return forms.started(spec, kind, before.payload if before else None)


def _before(request: HttpRequest, found: Challenge, kind: str) -> Submission | Run | None:
    user = learner(request)
    if user is None or "blank" in request.GET or "rows" in request.GET:
        return None
    attempts = Submission.objects.of(user).filter(challenge=found, kind=kind)
    runs = Run.objects.trials_of(user, found).filter(kind=kind)
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
    found = shown_challenge(slug)
    services.take_hint(learner_or_guest(request), found)
    if request.headers.get("HX-Request"):
        return render(request, "learn/_hints.html", hints_context(request, found))
    return redirect(reverse("learn:challenge", args=[slug]) + "#hints")


def samples(request: HttpRequest, slug: str) -> HttpResponse:
    """The public samples, as a file."""
    found = shown_challenge(slug)
    if found.version is None or not found.version.public:
        raise Http404
    keys = ("id", "input", "target", "documents")
    rows = [{key: row[key] for key in keys if key in row} for row in found.version.public]
    return jsonl_file(json_lines(rows), f"{slug}-public.jsonl")


def solution(request: HttpRequest, slug: str) -> HttpResponse:
    """After passing only."""
    found = shown_challenge(slug)
    if found.version is None or not steps.has_passed(learner(request), found):
        return render(request, "learn/solution_locked.html", {"challenge": found}, status=403)
    page = markdown.render(found.version.solution, catalogue.now().moved(found.course))
    return render(request, "learn/solution.html", {"challenge": found, "page": page})


def board(request: HttpRequest, slug: str) -> HttpResponse:
    """The address at which approaches were compared before there was a page about costs."""
    return redirect("learn:costs", shown_challenge(slug).slug, permanent=True)
