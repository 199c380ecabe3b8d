"""The page on which a learner chooses between two answers, click by click."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from challenges.kinds.tune import candidates
from gradus.accounts.guests import learner, learner_or_guest
from gradus.courses.models import Challenge
from gradus.learn.kinds.tune.training_rows import json_lines, jsonl_file
from gradus.learn.views.access import shown_challenge
from gradus.preferences import services
from gradus.preferences.services import Side

SIDES = {str(side.value): side for side in Side}


def challenge_with_pairs(slug: str) -> Challenge:
    """Raises `Http404` where there is nothing to choose between."""
    found = shown_challenge(slug)
    if not candidates(found.spec):
        raise Http404
    return found


def choices(request: HttpRequest, slug: str) -> HttpResponse:
    """The first pair that is open, and how far the learner is. A POST chooses, which is stored at once."""
    found = challenge_with_pairs(slug)
    if request.method != "POST":
        return _page(request, found)
    pair = services.seen(found, request.POST.get("pair", ""), request.POST.get("shown", ""))
    side = SIDES.get(request.POST.get("chosen", ""))
    if pair is None or side is None:
        return _answer(request, found, _("This pair has changed meanwhile. Look at it again, and choose."))
    services.choose(learner_or_guest(request), found, pair, side)
    return _answer(request, found)


@require_POST
def choice_undo(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes the newest choice back."""
    found = challenge_with_pairs(slug)
    services.undo(learner_or_guest(request), found)
    return _answer(request, found)


@require_POST
def choices_skipped(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the skipped pairs again."""
    found = challenge_with_pairs(slug)
    services.forget_skipped(learner_or_guest(request), found)
    return _answer(request, found)


@require_POST
def choices_forget(request: HttpRequest, slug: str) -> HttpResponse:
    """Deletes all choices of the learner here."""
    found = challenge_with_pairs(slug)
    services.forget(learner_or_guest(request), found)
    return _answer(request, found)


def choices_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The learner's choices as preference rows."""
    found = challenge_with_pairs(slug)
    return jsonl_file(json_lines(services.rows_of(learner(request), found)), f"{slug}-choices.jsonl")


def _answer(request: HttpRequest, found: Challenge, problem: str = "") -> HttpResponse:
    """The next pair for htmx; else the page, to which a reload does not choose again."""
    if request.headers.get("HX-Request"):
        return _page(request, found, problem, is_part=True)
    if problem:
        messages.warning(request, problem)
    return redirect("learn:choices", slug=found.slug)


def _page(request: HttpRequest, found: Challenge, problem: str = "", *, is_part: bool = False) -> HttpResponse:
    """The page, or the part of it that changes, whose prompt then takes the focus."""
    pairs = services.pairs_of(learner(request), found)
    template = "learn/kinds/tune/_choices.html" if is_part else "learn/kinds/tune/choices.html"
    context = {"challenge": found, "pairs": pairs, "pair": pairs.next, "problem": problem, "is_part": is_part}
    return render(request, template, context)
