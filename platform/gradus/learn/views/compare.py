from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from gradus.accounts.guests import learner
from gradus.learn.result import compare as comparing
from gradus.learn.views.access import own_work, shown_challenge


def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Two of one's own attempts or runs, `?a=` and `?b=` or twice `?pick=`: only what differs."""
    challenge = shown_challenge(slug)
    chosen = [own_work(learner(request), challenge, uuid) for uuid in dict.fromkeys(_uuids(request))]
    if len(chosen) != 2:
        return redirect(reverse("learn:challenge", args=[slug]) + "?pick=two#history")
    before, after = sorted(chosen, key=lambda one: one.created_at)
    context = {"challenge": challenge, "pair": (before, after), "comparison": comparing.compare(before, after)}
    return render(request, "learn/compare.html", context)


def _uuids(request: HttpRequest) -> list[UUID]:
    given = [*(request.GET.get(name, "") for name in ("a", "b")), *request.GET.getlist("pick")]
    try:
        return [UUID(text) for text in given if text]
    except ValueError:
        raise Http404 from None
