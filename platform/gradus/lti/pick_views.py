"""The page on which an instructor picks pages for links of the platform, and the one that takes them there."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from gradus.lti import browsers, deep_linking, keys, launches
from gradus.lti.messages import Message
from gradus.lti.models import Launch
from gradus.refusal import Refused

SEARCH_CHARS = 120


# In a platform's frame the cookie of Django's own check does not come. The address has a secret in its place, which
# only the browser that began the launch knows: no other page can send this form, or show it to somebody.
@csrf_exempt
@browsers.in_any_frame
@require_http_methods(["GET", "HEAD", "POST"])
def pick(request: HttpRequest) -> HttpResponse:
    """Shows what can be picked. A POST searches in it, or sends the answer to the platform."""
    browser = browsers.known(request)
    try:
        launch = launches.waiting(request.GET.get("launch", ""), browser)
        message = Message(**(launch.message or {}))
        if message.asks is None:
            raise launches.over()
        of_class = launches.class_of(launch.platform, message)
        groups = deep_linking.offered(of_class)
        page: dict[str, Any] = {
            "platform": launch.platform,
            "course": message.context_title or message.context,
            "asked": deep_linking.Asked(**message.asks),
            "search": request.POST.get("search", "")[:SEARCH_CHARS],
            "chosen": set(request.POST.getlist("item")),
            "with_columns": request.method != "POST" or "columns" in request.POST,
        }
        action = request.POST.get("action", "search")
        if request.method == "POST" and action in ("send", "nothing"):
            if action == "nothing" or not (fault := _fault(groups, page)):
                return _send(request, launch, message, groups, page, nothing=action == "nothing")
            page["fault"] = fault
    except Refused as refused:
        return browsers.refusal(request, refused)
    # What is chosen stays in the list, whatever is searched for.
    page["groups"] = deep_linking.matching(groups, page["search"], page["chosen"])
    answer = render(request, "lti/pick.html", page, status=422 if "fault" in page else 200)
    browsers.remember(request, answer, browser, deep_linking.SECONDS)
    return answer


def _fault(groups: list[deep_linking.Group], page: dict[str, Any]) -> str:
    items = deep_linking.chosen_of(groups, page["chosen"])
    if not items:
        return _("Choose a page, or go back without one.")
    if len(items) > 1 and not page["asked"].several:
        return _("The platform takes one page here.")
    return ""


def _send(
    request: HttpRequest,
    launch: Launch,
    message: Message,
    groups: list[deep_linking.Group],
    page: dict[str, Any],
    *,
    nothing: bool,
) -> HttpResponse:
    """Renders the page that posts the answer. Raises `Refused` (410) where the request was answered meanwhile."""
    items = [] if nothing else deep_linking.chosen_of(groups, page["chosen"])
    site = f"{request.scheme}://{request.get_host()}"
    claims = deep_linking.answer(launch.platform, message, items, site, with_columns=page["with_columns"])
    token = keys.signed(claims)
    launches.take(launch)
    to = urlsplit(page["asked"].return_url)
    context = {**page, "count": len(items), "token": token}
    sends = csp_update({"form-action": [f"{to.scheme}://{to.netloc}"]})
    answer = sends(lambda request: render(request, "lti/picked.html", context))(request)
    return cast("HttpResponse", answer)
