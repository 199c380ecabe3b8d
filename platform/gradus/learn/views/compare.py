from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from gradus.learn import compare as comparing
from gradus.learn.views.access import own_submission, shown_challenge


def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Two of one's own attempts, `?a=` and `?b=`: only what differs."""
    challenge = shown_challenge(slug)
    chosen = [own_submission(request, uuid) for uuid in _uuids(request)]
    if len(chosen) != 2 or chosen[0].pk == chosen[1].pk:
        return redirect("learn:challenge", slug)
    if any(one.challenge_id != challenge.pk for one in chosen):
        raise Http404
    pair = sorted(chosen, key=lambda one: one.pk)
    context = {"challenge": challenge, "pair": pair, "comparison": comparing.compare(*pair)}
    return render(request, "learn/compare.html", context)


def _uuids(request: HttpRequest) -> list[UUID]:
    given = [request.GET[name] for name in ("a", "b") if request.GET.get(name)]
    try:
        return [UUID(text) for text in given]
    except ValueError:
        raise Http404 from None
