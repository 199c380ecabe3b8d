"""What a preview adds to the site's pages: a bar, the list of problems, and the news that the content has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.preview.state import STATE, Moment

ROOT = "/preview/"
# The cookie of somebody who wants to see the last good content, with its number.
LAST = "preview_last"
# How long a stream waits before it writes again, which shows whether anybody still listens.
HEARD_SECONDS = 5.0


@dataclass(frozen=True)
class Bar:
    """The bar above each page of a preview."""

    moment: Moment
    template: str = "preview/_bar.html"
    is_local: bool = True

    @property
    def said(self) -> str:
        return said(self.moment)


def said(moment: Moment) -> str:
    """Returns what lint has found in a few words."""
    if moment.unread:
        return _("This folder cannot be read")
    if moment.linted is None:
        return _("Checking")
    problems, advice = len(moment.problems), len(moment.advice)
    if not problems and not advice:
        return _("No problems")
    parts = [ngettext("%(count)s problem", "%(count)s problems", problems) % {"count": problems}] if problems else []
    if advice:
        parts.append(ngettext("%(count)s piece of advice", "%(count)s pieces of advice", advice) % {"count": advice})
    return ", ".join(parts)


def context(request: HttpRequest) -> dict[str, Any]:
    return {"previewed": Bar(STATE.now)}


def problems_first(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that shows what is wrong in the place of each page while the folder cannot be read."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        now = STATE.now
        if now.unread and not request.path.startswith(ROOT) and request.COOKIES.get(LAST) != str(now.good):
            return problems(request)
        return get_response(request)

    return answer


def problems(request: HttpRequest) -> HttpResponse:
    """All problems and all advice. It stands at the address of the page that was asked for, until that can be shown."""
    now = STATE.now
    shown = {
        "moment": now,
        "lists_problems": True,
        "here": "" if request.path.startswith(ROOT) else request.get_full_path(),
    }
    response = render(request, "preview/problems.html", shown)
    response["Cache-Control"] = "no-store"
    return response


def last_good(request: HttpRequest) -> HttpResponse:
    """Shows the last good content until the folder can be read again."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()})
    response = redirect(wanted if is_ours else STATE.now.first)
    response.set_cookie(LAST, str(STATE.now.good), samesite="Lax", httponly=True)
    return response


def events(request: HttpRequest) -> HttpResponseBase:
    """Tells an open page, as server-sent events, what is shown by now and what lint has found."""
    response = StreamingHttpResponse(_events(), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    return response


def _events() -> Iterator[str]:
    seen: Moment | None = None
    while True:
        now = STATE.wait(seen, HEARD_SECONDS)
        told = {"shown": now.shown, "checked": now.checked, "said": said(now)}
        yield ": still here\n\n" if now is seen else f"data: {json.dumps(told)}\n\n"
        seen = now


urlpatterns = [
    path(
        "preview/",
        include(
            (
                [
                    path("", problems, name="problems"),
                    path("events", events, name="events"),
                    path("last/", last_good, name="last"),
                ],
                "preview",
            )
        ),
    ),
    path("", include("gradus.urls")),
]
handler400 = "gradus.request_checks.bad_request"
handler500 = "gradus.request_checks.failed"
handler429 = "gradus.accounts.rate_limits.too_many"
