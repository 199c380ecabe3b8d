"""Checks every request before any other code reads it: its address, its cookies, its id and the end of its body.

The site's other middleware, and the answers to broken requests and to requests that fail, are here too.

Texts in forms and in bodies of API calls are checked by forms, services and the API's parser instead, because there
the message can stand beside the field. All of them use `challenges.characters`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.middleware.gzip import GZipMiddleware
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import is_valid_path
from django.utils.translation import gettext as _
from django.views.defaults import server_error as crashed

from challenges.characters import as_sentence, broken, is_broken
from gradus import database_away
from gradus.api.problems import problem, unavailable
from gradus.django_internals import without_log
from gradus.request_bodies import RefusedBody, check_length
from gradus.validators import DIGITS

log = structlog.get_logger(__name__)
API, ADMIN, ACCOUNTS = "/api/", "/admin/", "/accounts/"
# Pages with secrets or about other people: no browser keeps them, not even for its Back button.
NOT_STORED = (
    *(API, ADMIN, ACCOUNTS, "/classes/", "/lti/"),
    *("/metrics", "/notices/", "/profile/", "/reviews/", "/teach/"),
)
# The header with the id that log lines of a request carry. A client may send its own.
REQUEST_ID = "HTTP_X_REQUEST_ID"


class BrokenAddress(BadRequest):
    """A parameter in the address contains a character that is not allowed. The message says which one."""


def check_request(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that refuses broken requests. It must come before the session's, which queries the database."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if (wrong_body := body_problem(request)) is not None:
            return bad_request(request, wrong_body)
        if is_broken(request.path_info):
            return not_found(request)
        wrong = broken_parameter(request.GET)
        if wrong is not None:
            return bad_request(request, wrong)
        drop_broken(request)
        return get_response(request)

    answer.process_view = refuse_long_number  # type: ignore[attr-defined]
    answer.process_exception = refuse_in_admin  # type: ignore[attr-defined]
    return answer


def refuse_long_number(
    request: HttpRequest, view: Callable[..., Any], args: Sequence[Any], named: dict[str, Any]
) -> HttpResponse | None:
    """Answers 404 where the address names a row by a number that no row has: SQLite fails on one beyond 64 bits."""
    # An offset in bytes names no row, and its refusal says which one is right.
    if any(isinstance(value, int) and value >= 10**DIGITS for name, value in named.items() if name != "offset"):
        return not_found(request)
    return None


def refuse_in_admin(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Answers 400 where Django's admin passed a wrong id or year to the database. The log keeps the traceback."""
    if not (request.path.startswith(ADMIN) and isinstance(exception, ValueError | OverflowError)):
        return None
    log.exception("admin_request_refused", path=request.path)
    return bad_request(request, exception)


def body_problem(request: HttpRequest) -> Exception | None:
    """Returns what the server found wrong with the body while it arrived, or that its declared length is too large."""
    wrong: Exception | None = getattr(request, "body_problem", None)
    if wrong is None:
        try:
            check_length(request.path_info, request.META.get("CONTENT_LENGTH") or 0)
        except RefusedBody as too_large:
            return too_large
    return wrong


def not_found(request: HttpRequest) -> HttpResponse:
    """Answers 404 to an address with a character or a number that no address of the site contains."""
    if request.path.startswith(API):
        return problem(404)
    raise Http404


def broken_parameter(query: QueryDict) -> BrokenAddress | None:
    """Returns an error about the first parameter with a character that is not allowed, or None."""
    for name, values in query.lists():
        for text in (name, *values):
            if (wrong := broken(text)) is not None:
                shown = name[:80].encode("ascii", "backslashreplace").decode()
                told = _("In the parameter “%(name)s” of the address: %(wrong)s")
                return BrokenAddress(told % {"name": shown, "wrong": as_sentence(wrong)})
    return None


def drop_broken(request: HttpRequest) -> None:
    """Removes cookies and a request id that contain such characters. Nobody can be asked to correct a cookie."""
    for name in [name for name, value in request.COOKIES.items() if is_broken(name + value)]:
        del request.COOKIES[name]
    if is_broken(request.META.get(REQUEST_ID, "")):
        del request.META[REQUEST_ID]


class PageCompression(GZipMiddleware):
    """Middleware that compresses whole responses. A compressed stream would hold its events back.

    Django adds up to 100 random bytes to each response, and masks the CSRF token differently in each. So the length of
    a response does not reveal what it contains (BREACH, https://www.breachattack.com).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        return response if response.streaming else super().process_response(request, response)


def keep_private(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that lets nobody but the visitor's own browser keep a response, unless its view has said otherwise.

    The browser asks again before it shows a page that it has kept, and keeps none of the pages in `NOT_STORED`.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        is_kept = not request.path_info.startswith(NOT_STORED)
        response.headers.setdefault("Cache-Control", f"private, {'no-cache' if is_kept else 'no-store'}")
        return response

    return answer


def explain_wrong_method(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that answers a method that an address does not take with a page, as for example an opened form's
    address. The API has problem details of its own.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if response.status_code != 405 or request.path.startswith(API) or not request.accepts("text/html"):
            return response
        page = render(request, "405.html", {"above": _page_above(request.path_info)}, status=405)
        page["Allow"] = response["Allow"]
        return page

    return answer


def refuse_parts_signed_out(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that answers 401 where htmx would follow to the sign-in page and put it into the middle of a page."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        leads_away = response.status_code == 302 and response["Location"].startswith(ACCOUNTS)
        return HttpResponse(status=401) if leads_away and request.headers.get("HX-Request") else response

    return answer


def _page_above(path: str) -> str:
    """The address of the page to which a form belongs, one step up; empty where there is no page."""
    above = path.rstrip("/").rpartition("/")[0] + "/"
    return above if is_valid_path(above) and above != "/" else ""


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Renders what to change, with status 400, 408 or 413: a page, or problem details if it is a call of the API."""
    status = exception.status if isinstance(exception, RefusedBody) else 400
    said = str(exception) if isinstance(exception, BrokenAddress | RefusedBody) else ""
    if request.path.startswith(API):
        return problem(status, said)
    return render(request, "400.html", {"said": said, "status": status}, status=status)


def failed(request: HttpRequest) -> HttpResponse:
    """Answers a request that an exception has ended: 503 if the database does not answer in time, or else 500.

    The page must not need the database, so it is rendered without the context of a request.
    """
    error = sys.exception()
    is_api = request.path.startswith(API)
    if not database_away.is_unavailable(error):
        return problem(500) if is_api else crashed(request)
    if is_api:
        return unavailable(request, error)
    database_away.note(request, error)
    sentence = database_away.held_in_words() if database_away.is_held(error) else ""
    headers = {"Retry-After": str(database_away.RETRY_SECONDS)}
    return without_log(HttpResponse(render_to_string("503.html", {"said": sentence}), status=503, headers=headers))
