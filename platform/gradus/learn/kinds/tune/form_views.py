"""What only the form of a training run asks of the site: a check of its rows, and the author's starter rows."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from challenges import dataset
from challenges.kinds.tune import KIND, Hyperparameters
from gradus.accounts.guests import learner
from gradus.courses.models import Challenge
from gradus.learn import contexts as pages
from gradus.learn import forms
from gradus.learn.form_problems import Problem, as_refusal
from gradus.learn.kinds.tune import knobs
from gradus.learn.kinds.tune import starter as starter_rows
from gradus.learn.kinds.tune.draft import TuneDraft
from gradus.learn.kinds.tune.page import PAGE, train_rows, with_method
from gradus.learn.kinds.tune.training_rows import json_lines, jsonl_file
from gradus.learn.views.access import shown_challenge
from gradus.preferences.pairs import rows_of
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import counter


def _challenge(slug: str) -> Challenge:
    """The challenge, if it accepts training runs; else Http404."""
    found = shown_challenge(slug)
    if KIND.name not in found.spec.tracks:
        raise Http404
    return found


@require_POST
def dataset_check(request: HttpRequest, slug: str) -> HttpResponse:
    """What is in the rows, and what they will cost, before an attempt is spent."""
    found = _challenge(slug)
    draft = PAGE.posted(KIND.name, found.spec, request)
    problems: list[Problem] = []
    report: dataset.DatasetReport | None = None
    try:
        report = _report(found, draft)
    except Refused as refused:
        problems = forms.problems_of(refused, found.spec, draft)
    else:
        refusal = as_refusal(report.problems) if report.problems else None
        problems = forms.problems_of(refusal, found.spec, draft) if refusal else []
    if request.headers.get("HX-Request"):
        context = {"report": report, "problems": problems, "spec": found.spec}
        return render(request, "learn/kinds/tune/_dataset_report.html", context)
    return pages.challenge_page(request, found, draft, problems=problems, extra={"report": report})


def _report(found: Challenge, draft: TuneDraft) -> dataset.DatasetReport:
    """Raises `Refused` for lines that cannot be read, and for hyperparameters that are not numbers."""
    rows = train_rows(draft.data)
    chosen = knobs.numbers(found.spec, draft.method, draft.hyperparameters)
    return dataset.report(
        found.spec,
        rows,
        counter(found.spec),
        instructions=draft.instructions,
        hyperparameters=Hyperparameters(**chosen),
        method=knobs.method_of(draft.method),
    )


@require_POST
def method(request: HttpRequest, slug: str) -> HttpResponse:
    """The form with the settings of the method that was chosen in it. What was typed elsewhere stays."""
    found = _challenge(slug)
    draft = PAGE.posted(KIND.name, found.spec, request)
    return pages.challenge_page(request, found, with_method(draft, found.spec, knobs.method_of(draft.method)))


def starter(request: HttpRequest, slug: str) -> HttpResponse:
    """The author's starter rows, as a file."""
    found = shown_challenge(slug)
    if found.version is None or not found.version.train:
        raise Http404
    return jsonl_file(json_lines(found.version.train), f"{slug}-train.jsonl")


@require_POST
def starter_use(request: HttpRequest, slug: str) -> HttpResponse:
    """Puts the starter rows into the form."""
    found = _challenge(slug)
    return _with_rows(request, found, found.version.train if found.version else [])


@require_POST
def choices_use(request: HttpRequest, slug: str) -> HttpResponse:
    """Puts what the learner has chosen between two answers into the form."""
    found = _challenge(slug)
    return _with_rows(request, found, rows_of(learner(request), found), own=True)


def _with_rows(request: HttpRequest, found: Challenge, rows: starter_rows.Rows, *, own: bool = False) -> HttpResponse:
    """Asks first where the rows would overwrite others, and can take them back."""
    if not rows:
        raise Http404
    draft = PAGE.posted(KIND.name, found.spec, request)
    context: dict[str, Any] = {}
    if "undo" in request.POST:
        draft = starter_rows.before(draft, request)
    elif "keep" not in request.POST:
        lines = starter_rows.would_overwrite(rows, draft)
        if lines and "replace" not in request.POST:
            context = {"overwrites": lines, "count": len(rows), "own": own}
        else:
            before = draft
            draft, cost = starter_rows.put_in(found.spec, rows, before)
            context = {"cost": cost, "before": before if lines else None, "own": own}
    return pages.challenge_page(request, found, draft, extra={"starter": context})
