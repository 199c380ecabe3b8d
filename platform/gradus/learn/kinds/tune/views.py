"""The routes of the kind `tune`: a check of training rows, the author's starter rows, and the page of choices.

On the page of choices a learner chooses between two answers, click by click.
"""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from challenges import dataset
from challenges.kinds.tune import KIND, Hyperparameters
from challenges.kinds.tune_keys import candidates
from gradus.accounts.guests import learner, learner_or_guest
from gradus.courses.models import Challenge
from gradus.learn import forms
from gradus.learn.access import shown_challenge
from gradus.learn.challenge_page import challenge_page
from gradus.learn.form_problems import Problem, as_refusal
from gradus.learn.kinds.jsonl import json_lines, jsonl_file
from gradus.learn.kinds.tune import draft as drafts
from gradus.learn.kinds.tune import knobs
from gradus.learn.kinds.tune.draft import TuneDraft
from gradus.preferences import services
from gradus.preferences.models import Side
from gradus.preferences.services import rows_of
from gradus.submissions import durations
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import counter

SIDES = {str(side.value): side for side in Side}


def _challenge(request: HttpRequest, slug: str) -> Challenge:
    """The challenge, if it accepts training runs; else Http404."""
    challenge = shown_challenge(request, slug)
    if KIND.name not in challenge.spec.tracks:
        raise Http404
    return challenge


@require_POST
def dataset_check(request: HttpRequest, slug: str) -> HttpResponse:
    """What is in the rows, and what they will cost, before an attempt is spent."""
    challenge = _challenge(request, slug)
    draft = drafts.posted(KIND.name, challenge.spec, request)
    problems: list[Problem] = []
    report: dataset.DatasetReport | None = None
    try:
        report = _report(challenge, draft)
    except Refused as refused:
        problems = forms.problems_of(refused, challenge.spec, draft)
    else:
        refusal = as_refusal(report.problems) if report.problems else None
        problems = forms.problems_of(refusal, challenge.spec, draft) if refusal else []
    usual = durations.of_training(challenge, draft.method, report.total_tokens) if report else None
    if request.headers.get("HX-Request"):
        context = {"report": report, "usual": usual, "problems": problems, "spec": challenge.spec}
        return render(request, "learn/kinds/tune/_dataset_report.html", context)
    return challenge_page(request, challenge, draft, problems=problems, extra={"report": report, "usual": usual})


def _report(challenge: Challenge, draft: TuneDraft) -> dataset.DatasetReport:
    """Raises `Refused` for lines that cannot be read, and for hyperparameters that are not numbers."""
    rows = drafts.train_rows(draft.data)
    chosen = knobs.numbers(challenge.spec, draft.method, draft.hyperparameters)
    return dataset.report(
        challenge.spec,
        rows,
        counter(challenge.spec),
        instructions=draft.instructions,
        hyperparameters=Hyperparameters(**chosen),
        method=knobs.method_of(draft.method),
    )


@require_POST
def method(request: HttpRequest, slug: str) -> HttpResponse:
    """The form with the settings of the method that was chosen in it. What was typed elsewhere stays."""
    challenge = _challenge(request, slug)
    draft = drafts.posted(KIND.name, challenge.spec, request)
    return challenge_page(request, challenge, drafts.with_method(draft, challenge.spec, knobs.method_of(draft.method)))


def starter(request: HttpRequest, slug: str) -> HttpResponse:
    """The author's starter rows, as a file."""
    challenge = shown_challenge(request, slug)
    if challenge.version is None or not challenge.version.train:
        raise Http404
    return jsonl_file(json_lines(challenge.version.train), f"{slug}-train.jsonl")


@require_POST
def starter_use(request: HttpRequest, slug: str) -> HttpResponse:
    """Puts the starter rows into the form."""
    challenge = _challenge(request, slug)
    return _with_rows(request, challenge, challenge.version.train if challenge.version else [])


@require_POST
def choices_use(request: HttpRequest, slug: str) -> HttpResponse:
    """Puts what the learner has chosen between two answers into the form."""
    challenge = _challenge(request, slug)
    return _with_rows(request, challenge, rows_of(learner(request), challenge), own=True)


def _with_rows(request: HttpRequest, challenge: Challenge, rows: drafts.Rows, *, own: bool = False) -> HttpResponse:
    """Asks first where the rows would overwrite others, and can take them back."""
    if not rows:
        raise Http404
    draft = drafts.posted(KIND.name, challenge.spec, request)
    context: dict[str, Any] = {}
    if "undo" in request.POST:
        draft = drafts.before(draft, request)
    elif "keep" not in request.POST:
        lines = drafts.would_overwrite(rows, draft)
        if lines and "replace" not in request.POST:
            context = {"overwrites": lines, "count": len(rows), "own": own}
        else:
            before = draft
            draft, cost = drafts.put_in(challenge.spec, rows, before)
            context = {"cost": cost, "before": before if lines else None, "own": own}
    return challenge_page(request, challenge, draft, extra={"starter": context})


def challenge_with_pairs(request: HttpRequest, slug: str) -> Challenge:
    """Raises `Http404` where there is nothing to choose between."""
    challenge = shown_challenge(request, slug)
    if not candidates(challenge.spec):
        raise Http404
    return challenge


def choices(request: HttpRequest, slug: str) -> HttpResponse:
    """The first pair that is open, and how far the learner is. A POST chooses, which is stored at once."""
    challenge = challenge_with_pairs(request, slug)
    if request.method != "POST":
        return _page(request, challenge)
    pair = services.seen(challenge, request.POST.get("pair", ""), request.POST.get("shown", ""))
    side = SIDES.get(request.POST.get("chosen", ""))
    if pair is None or side is None:
        return _answer(request, challenge, _("This pair has changed meanwhile. Look at it again, and choose."))
    services.choose(learner_or_guest(request), challenge, pair, side)
    return _answer(request, challenge)


@require_POST
def choice_undo(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes the newest choice back."""
    challenge = challenge_with_pairs(request, slug)
    services.undo(learner_or_guest(request), challenge)
    return _answer(request, challenge)


@require_POST
def choices_skipped(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the skipped pairs again."""
    challenge = challenge_with_pairs(request, slug)
    services.forget_skipped(learner_or_guest(request), challenge)
    return _answer(request, challenge)


@require_POST
def choices_forget(request: HttpRequest, slug: str) -> HttpResponse:
    """Deletes all choices of the learner here."""
    challenge = challenge_with_pairs(request, slug)
    services.forget(learner_or_guest(request), challenge)
    return _answer(request, challenge)


def choices_file(request: HttpRequest, slug: str) -> HttpResponse:
    """The learner's choices as preference rows."""
    challenge = challenge_with_pairs(request, slug)
    return jsonl_file(json_lines(services.rows_of(learner(request), challenge)), f"{slug}-choices.jsonl")


def _answer(request: HttpRequest, challenge: Challenge, problem: str = "") -> HttpResponse:
    """The next pair for htmx; else the page, to which a reload does not choose again."""
    if request.headers.get("HX-Request"):
        return _page(request, challenge, problem, is_part=True)
    if problem:
        messages.warning(request, problem)
    return redirect("learn:choices", slug=challenge.slug)


def _page(request: HttpRequest, challenge: Challenge, problem: str = "", *, is_part: bool = False) -> HttpResponse:
    """The page, or the part of it that changes, whose prompt then takes the focus."""
    pairs = services.pairs_of(learner(request), challenge)
    template = "learn/kinds/tune/_choices.html" if is_part else "learn/kinds/tune/choices.html"
    context = {"challenge": challenge, "pairs": pairs, "pair": pairs.next, "problem": problem, "is_part": is_part}
    return render(request, template, context)


urlpatterns = [
    path("challenges/<slug:slug>/dataset-check", dataset_check, name="dataset_check"),
    path("challenges/<slug:slug>/method", method, name="method"),
    path("challenges/<slug:slug>/starter.jsonl", starter, name="starter"),
    path("challenges/<slug:slug>/starter", starter_use, name="starter_use"),
    path("challenges/<slug:slug>/choices/", choices, name="choices"),
    path("challenges/<slug:slug>/choices/undo", choice_undo, name="choice_undo"),
    path("challenges/<slug:slug>/choices/skipped", choices_skipped, name="choices_skipped"),
    path("challenges/<slug:slug>/choices/forget", choices_forget, name="choices_forget"),
    path("challenges/<slug:slug>/choices/use", choices_use, name="choices_use"),
    path("challenges/<slug:slug>/choices.jsonl", choices_file, name="choices_file"),
]
