from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from gradus.accounts.guests import learner_or_guest
from gradus.courses.models import Challenge
from gradus.learn import forms
from gradus.learn.form_problems import REPORT, Problem, of_refusal
from gradus.learn.kinds.base import with_line_feeds
from gradus.learn.views.access import shown_challenge
from gradus.reports import services
from gradus.reports.models import TEXT_CHARS, ProblemReport
from gradus.submissions.services import Refused

THANKS = _("Thank you. The people who run this course will read your report. Their answer will be in your notices.")


def report(request: HttpRequest, slug: str) -> HttpResponse:
    """The form with which a learner reports a problem. What is refused stays in the form, beside the reason."""
    challenge = shown_challenge(slug)
    if request.method != "POST":
        return _form(request, challenge)
    given = _given(request, challenge)
    try:
        services.report(learner_or_guest(request), challenge, **given)
    except Refused as refused:
        response = _form(request, challenge, of_refusal(refused, REPORT), status=refused.status)
        if refused.retry_after:
            response["Retry-After"] = str(refused.retry_after)
        return response
    messages.success(request, THANKS)
    return redirect(reverse("learn:challenge", args=[slug]) + f"?track={given['track']}")


def _given(request: HttpRequest, challenge: Challenge) -> dict[str, str]:
    sent = request.POST if request.method == "POST" else request.GET
    return {
        "track": forms.kind_of(challenge.spec, sent.get("track")),
        "what": sent.get("what", ""),
        "text": with_line_feeds(sent.get("text", "")),
    }


def _form(
    request: HttpRequest, challenge: Challenge, problems: list[Problem] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        **_given(request, challenge),
        "challenge": challenge,
        "choices": ProblemReport.What.choices,
        "text_chars": TEXT_CHARS,
        "problems": problems,
    }
    return render(request, "learn/report.html", context, status=status)
