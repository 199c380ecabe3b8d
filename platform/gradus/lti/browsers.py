"""The browser of a launch: the cookie by which it is known, and the pages that it may show in a platform's frame."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import cast

from csp.decorators import csp_replace
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.clickjacking import xframe_options_exempt

from gradus.refusal import Refused

COOKIE = "gradus_launch"
COOKIE_PATH = "/lti/"
IS_BROWSER = re.compile(r"[\w-]{43}")
FRAMES = {"iframe", "frame", "embed", "object"}


def is_framed(request: HttpRequest) -> bool:
    """Returns True if the answer is shown inside of another page. Browsers say so, and other programs may not."""
    return request.headers.get("Sec-Fetch-Dest") in FRAMES


def known(request: HttpRequest) -> str:
    """Returns by what the browser is known from before, or "" if by nothing."""
    found = request.COOKIES.get(COOKIE, "")
    return found if IS_BROWSER.fullmatch(found) else ""


def new() -> str:
    return secrets.token_urlsafe(32)


def remember(request: HttpRequest, answer: HttpResponse, browser: str, seconds: int) -> None:
    """Has the browser known for so long. In a frame, for this one platform's pages alone (a partitioned cookie)."""
    framed = is_framed(request)
    answer.set_cookie(
        COOKIE,
        browser,
        max_age=seconds,
        # Python writes the attribute `Partitioned` from 3.14 on, and Django from 6.1 on.
        path=f"{COOKIE_PATH}; Partitioned" if framed else COOKIE_PATH,
        secure=framed or bool(settings.SESSION_COOKIE_SECURE),
        httponly=True,
        samesite="None" if framed else "Lax",
    )


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    """The page that says why a launch was refused, and what to do about it."""

    def shown(request: HttpRequest) -> HttpResponse:
        frame = "lti/dialog.html" if is_framed(request) else "base.html"
        context = {"refused": refused, "frame": frame}
        return render(request, "lti/refused.html", context, status=refused.status)

    answer = (in_any_frame(shown) if is_framed(request) else shown)(request)
    if refused.retry_after:
        answer["Retry-After"] = str(refused.retry_after)
    return answer


def in_any_frame(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A decorator for pages that any page may frame, because platforms do so under names that no registration has.

    They show nothing of the person who is signed in: a frame on another site brings no cookie of the session.
    """
    return cast("Callable[..., HttpResponse]", xframe_options_exempt(csp_replace({"frame-ancestors": ["*"]})(view)))
