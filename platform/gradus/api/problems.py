"""Turns every error of the API into problem details (RFC 9457) with a stable `code`."""

from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus
from typing import Any

import structlog
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, RawPostDataException
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.csrf import csrf_exempt
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError
from pydantic import Field

from challenges.field_errors import in_words, place
from challenges.problems import ANY_CODE
from challenges.reading import BundleErrors
from challenges.registry import kind_names
from challenges.texts import several
from gradus import database_away
from gradus.api import codes
from gradus.api.ninja_internals import own_message
from gradus.api.parser import Unreadable
from gradus.courses.bundles import BundleMissing
from gradus.courses.versions import VersionRefused
from gradus.django_internals import without_log
from gradus.request_bodies import BodyTooLarge
from gradus.submissions.services import Refused


class FieldProblem(Schema):
    code: str
    field: str = ""
    message: str
    line: int | None = None
    file: str | None = Field(None, description="Of a problem of a course: a file in its folder")
    what: str | None = Field(None, description="Of a problem of a course: what is wrong")
    fix: str | None = Field(None, description="Of a problem of a course: how to correct it")
    url: str | None = Field(None, description="The page of what the message names, such as an attempt that is open")


class Problem(Schema):
    """Problem details (RFC 9457). Scripts can rely on `code`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description=codes.in_words())
    problems: list[FieldProblem] = []


log = structlog.get_logger(__name__)


MEDIA_TYPE = "application/problem+json"


USUAL = {
    400: "bad_request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}


DETAILS = {
    400: "The request could not be read.",
    401: "Send a bearer token: Authorization: Bearer gradus_... You can make one on your profile.",
    403: "This is not allowed. If you use the session of the site, send its CSRF token too.",
    404: "Nothing exists at this address, or it belongs to somebody else.",
    405: "This address does not support that method.",
    413: "The request is larger than the site accepts.",
    500: "Something went wrong on our side. Please try again.",
    503: "The site's database does not answer at the moment. Please try again.",
}


# Parts of a field's place that only ninja and the union of payloads use. A learner knows the field's own name.
PLUMBING = frozenset({"body", "payload", "query", "path", "header", "data", *kind_names()})


def problem(
    status: int,
    detail: str = "",
    *,
    code: str = "",
    problems: Sequence[dict[str, Any]] = (),
    retry_after: int | None = None,
) -> HttpResponse:
    """Returns problem details as a response. `code` is stable, so that scripts can rely on it."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail or DETAILS.get(status, HTTPStatus(status).description),
        "code": code or USUAL.get(status, HTTPStatus(status).name.lower()),
        "problems": list(problems),
    }
    response = JsonResponse(body, status=status, content_type=MEDIA_TYPE)
    if retry_after is not None:
        response["Retry-After"] = str(retry_after)
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response


def install(api: NinjaAPI) -> None:
    """Installs a handler for each exception that an API function or ninja itself may raise."""
    # The handlers declare errors as Any, because ninja's types say that a handler may get a class, not an instance.
    api.add_exception_handler(Refused, on_refused)
    api.add_exception_handler(BundleErrors, on_bundle_errors)
    api.add_exception_handler(VersionRefused, on_version_refused)
    api.add_exception_handler(BundleMissing, lambda request, error: problem(409, f"{error}.", code="archive_missing"))
    api.add_exception_handler(Http404, lambda request, error: problem(404))
    api.add_exception_handler(PermissionDenied, lambda request, error: problem(403))
    api.add_exception_handler(RequestDataTooBig, lambda request, error: problem(413))
    for error in (SuspiciousOperation, BadRequest, MultiPartParserError, RawPostDataException):
        api.add_exception_handler(error, lambda request, error: problem(400))
    api.add_exception_handler(HttpError, on_http_error)
    api.add_exception_handler(ValidationError, on_invalid)
    api.add_exception_handler(Exception, on_crash)


def on_refused(request: HttpRequest, error: Any) -> HttpResponse:
    return problem(error.status, error.message, code=error.code, problems=error.problems, retry_after=error.retry_after)


def on_bundle_errors(request: HttpRequest, error: Any) -> HttpResponse:
    """Answers with every problem of a course's folder, as the command line prints them."""
    detail = f"{several(len(error.problems), 'problem')} to correct in the course. Nothing was stored."
    found = [
        {**vars(one), "code": one.code or ANY_CODE, "field": one.file, "message": str(one)} for one in error.problems
    ]
    return problem(422, detail, code="bundle_problems", problems=found)


def on_version_refused(request: HttpRequest, error: Any) -> HttpResponse:
    lines = str(error).splitlines()
    found = [{"code": "version_refused", "field": "", "message": line} for line in lines]
    return problem(409, lines[0].strip(), code="version_refused", problems=found)


def on_http_error(request: HttpRequest, error: Any) -> HttpResponse:
    if isinstance(error.__cause__, Unreadable):
        return problem(400, str(error.__cause__))
    if isinstance(error.__cause__, BodyTooLarge):
        return problem(413, str(error.__cause__))
    if isinstance(error.__cause__, Refused):
        return on_refused(request, error.__cause__)
    return problem(error.status_code, own_message(error))


def on_invalid(request: HttpRequest, error: Any) -> HttpResponse:
    found = [_field_problem(item) for item in error.errors[:50]]
    return problem(422, "Some fields need a correction.", code="bad_payload", problems=found)


def _field_problem(item: dict[str, Any]) -> dict[str, Any]:
    field, line = place(tuple(part for part in item["loc"] if part not in PLUMBING))
    return {"code": item["type"], "field": field or "body", "message": in_words(item), "line": line}


def on_crash(request: HttpRequest, error: Any) -> HttpResponse:
    if database_away.is_unavailable(error):
        return unavailable(request, error)
    log.exception("api_call_failed", path=request.path)
    return problem(500)


def unavailable(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """Answers a call for which the database was away, or gave a statement up, and notes it in the log."""
    database_away.note(request, error)
    is_held = database_away.is_held(error)
    sentence, code = (database_away.held_in_words(), "waited_too_long") if is_held else ("", "")
    return without_log(problem(503, sentence, code=code, retry_after=database_away.RETRY_SECONDS))


def guarded(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Turns errors that bypass the handlers, such as a method that is not allowed, into problem details as well."""

    @wraps(view)
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            return problem(404)
        if response.status_code < 400 or response.get("Content-Type", "") == MEDIA_TYPE:
            return response
        answer = problem(response.status_code)
        if response.has_header("Allow"):
            answer["Allow"] = response["Allow"]
        return answer

    return inner


@csrf_exempt
def not_found(request: HttpRequest, path: str = "") -> HttpResponse:
    return problem(404)
