"""What each method costs on a challenge, and the button that has it measured."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner
from gradus.courses.models import Challenge
from gradus.learn.access import own_submission, shown_challenge
from gradus.learn.costs.comparison import answer, comparison, is_compared
from gradus.learn.costs.prices import chosen, currency
from gradus.submissions import services
from gradus.submissions.services import Refused


def costs(request: HttpRequest, slug: str) -> HttpResponse:
    """Scores, sizes, times and money; at prices that stand in the address, or were typed before."""
    challenge, user = _compared(request, slug), learner(request)
    prices, form, whose = chosen(request)
    compared = comparison(challenge, user, prices)
    context = {
        "challenge": challenge,
        "spec": challenge.spec,
        "comparison": compared,
        "answer": answer(compared, challenge.spec.pass_),
        "prices": prices,
        "form": form,
        "whose": whose,
        "currency": currency(),
        "may_measure": user is not None,
        "may_measure_authors": user is not None and not user.is_guest,
    }
    return render(request, "learn/costs.html", context, status=422 if form.errors else 200)


@require_POST
def costs_measure(request: HttpRequest, slug: str) -> HttpResponse:
    """Has an attempt of one's own, or the author's result in a file, measured on an idle lane."""
    challenge = _compared(request, slug)
    try:
        _start(request, challenge)
    except Refused as refused:
        messages.warning(request, refused.message)
    return redirect(reverse("learn:costs", args=[slug]) + "#requests")


def _start(request: HttpRequest, challenge: Challenge) -> None:
    user, file = learner(request), request.POST.get("file", "")
    if user is None or (file and user.is_guest):
        raise Refused("sign_in_needed", _("Sign in with an account to have the author's results measured."), 403)
    if file:
        services.measure_baseline(user, challenge, file)
        return
    try:
        attempt = own_submission(request, UUID(request.POST.get("attempt", "")))
    except ValueError:
        raise Http404 from None
    if attempt.challenge_id != challenge.pk:
        raise Http404
    services.measure_attempt(user, challenge, attempt)


def _compared(request: HttpRequest, slug: str) -> Challenge:
    challenge = shown_challenge(request, slug)
    if not is_compared(challenge):
        raise Http404
    return challenge
