"""What every request passes before anything reads it: its address, its cookies, its request id and its body's end.

Texts in forms and API bodies are checked where a message can stand beside the field: `challenges.characters` is asked
by services, by forms and by the API's parser.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import render

from challenges.characters import as_sentence, broken, is_broken
from gradus.api.problems import problem
from gradus.truncated_bodies import IncompleteBody

log = structlog.get_logger(__name__)
API, ADMIN = "/api/", "/admin/"
# What the log names a request by; a client may give its own.
REQUEST_ID = "HTTP_X_REQUEST_ID"


class BrokenAddress(BadRequest):
    """A parameter of the address holds a character that no text may hold; the message says which."""


def checked(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware. It stands before the session's, which looks up a cookie in the database."""

    def answer(request: HttpRequest) -> HttpResponseBase:
        if not getattr(request, "is_complete", True):
            return bad_request(request, IncompleteBody())
        if is_broken(request.path_info):
            return not_found(request)
        wrong = broken_parameter(request.GET)
        if wrong is not None:
            return bad_request(request, wrong)
        drop_broken(request)
        return get_response(request)

    answer.process_exception = refuse_in_admin  # type: ignore[attr-defined]
    return answer


def refuse_in_admin(request: HttpRequest, exception: Exception) -> HttpResponse | None:
    """Django's admin hands ids and years to the database as they came. The log keeps the traceback."""
    if not (request.path.startswith(ADMIN) and isinstance(exception, ValueError | OverflowError)):
        return None
    log.exception("admin_request_refused", path=request.path)
    return bad_request(request, exception)


def not_found(request: HttpRequest) -> HttpResponse:
    """No address of ours holds such a character."""
    if request.path.startswith(API):
        return problem(404)
    raise Http404


def broken_parameter(query: QueryDict) -> BrokenAddress | None:
    """The first parameter whose name or value may not enter."""
    for name, values in query.lists():
        for text in (name, *values):
            if (wrong := broken(text)) is not None:
                shown = name[:80].encode("ascii", "backslashreplace").decode()
                return BrokenAddress(f"In the parameter “{shown}” of the address: {as_sentence(wrong)}")
    return None


def drop_broken(request: HttpRequest) -> None:
    """Removes cookies and a request id that cannot be ours: a person cannot be asked to correct a cookie."""
    for name in [name for name, value in request.COOKIES.items() if is_broken(name + value)]:
        del request.COOKIES[name]
    if is_broken(request.META.get(REQUEST_ID, "")):
        del request.META[REQUEST_ID]


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler of 400: a page, or for the API problem details, that says how to send it right."""
    said = str(exception) if isinstance(exception, BrokenAddress | IncompleteBody) else ""
    if request.path.startswith(API):
        return problem(400, said)
    return render(request, "400.html", {"said": said}, status=400)
