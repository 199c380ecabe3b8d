"""How a challenge does: its figures by version, and its rows for those who may read hidden ones; also as files."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from gradus import csv_files
from gradus.accounts import roles
from gradus.accounts.token_rules import Scope
from gradus.courses import catalogue
from gradus.courses.models import Challenge
from gradus.refusal import Refused
from gradus.teach import health
from gradus.teach.views.access import View, account, allowed


def on_challenge(need: Scope | None = None) -> Callable[[View], View]:
    """Returns a decorator for views of one live challenge: they get its row, and what the person may do.

    Without `need`, the person has to read the content of the course or the answers of its learners.
    """

    def decorated(view: View) -> View:
        @login_required
        @require_safe
        @wraps(view)
        def answer(request: HttpRequest, slug: str) -> HttpResponse:
            challenge = catalogue.live().challenge(slug)
            try:
                if need is not None:
                    roles.refuse_unless(request.user, challenge.course_id, need)
                scope = health.refuse_unless_seen(request.user, challenge)
            except Refused as refused:
                context = {"course": challenge.course, "refused": refused}
                return render(request, "teach/refused.html", context, status=403)
            return view(request, challenge, scope)

        return answer

    return decorated


def _chosen(request: HttpRequest, challenge: Challenge, scope: Scope) -> dict[str, Any]:
    asked = (request.GET.get(name, "") for name in ("version", "track", "against"))
    found = health.chosen(challenge, scope, *asked)
    if found is None:
        raise Http404
    shown, against, versions = found
    return {
        "challenge": challenge,
        "course": challenge.course,
        "may": allowed(scope),
        "health": shown,
        "against": against,
        "versions": versions,
        "tracks": shown.version.parsed.tracks,
    }


@on_challenge()
def health_show(request: HttpRequest, challenge: Challenge, scope: Scope) -> HttpResponse:
    """Shows the figures of a version, what one can do about them, and all versions side by side."""
    context = _chosen(request, challenge, scope)
    shown = context["health"]
    context["lines"] = [one for one in health.lines(challenge, scope) if one.track == shown.track]
    context["earlier"] = next((one for one in context["lines"] if one.figures.learners), None)
    if shown.is_judged:
        context["rows"] = shown.rows(context["against"])
    return render(request, "teach/health/challenge.html", context)


@on_challenge(roles.SEES_ANSWERS)
def similar_show(request: HttpRequest, challenge: Challenge, scope: Scope) -> HttpResponse:
    """Lists attempts of different learners with much in common, as a part of the page or as a page."""
    context = {"challenge": challenge, "pairs": health.similar(challenge, account(request))}
    if request.headers.get("HX-Request"):
        return render(request, "teach/health/_similar.html", context)
    return render(request, "teach/health/similar.html", {**_chosen(request, challenge, scope), **context})


@on_challenge(roles.EDITS)
def rows_show(request: HttpRequest, challenge: Challenge, scope: Scope) -> HttpResponse:
    """Shows the hidden rows with their figures, the hardest first. The audit says who has looked."""
    context = _chosen(request, challenge, scope)
    health.note_look(context["health"])
    context["rows"] = context["health"].rows(context["against"])
    context["file"] = f"{reverse('teach:rows_download', args=[challenge.slug])}?{request.GET.urlencode()}"
    return render(request, "teach/health/rows.html", context)


@on_challenge()
def health_download(request: HttpRequest, challenge: Challenge, scope: Scope) -> HttpResponse:
    return csv_files.response(csv_files.text_of(health.table(challenge, scope)), challenge.slug, "health")


@on_challenge(roles.EDITS)
def rows_download(request: HttpRequest, challenge: Challenge, scope: Scope) -> HttpResponse:
    context = _chosen(request, challenge, scope)
    health.note_look(context["health"])
    rows = context["health"].rows(context["against"])
    return csv_files.response(csv_files.text_of(health.rows_table(rows)), challenge.slug, "rows")
