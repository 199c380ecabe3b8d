"""What only the form of a training run asks of the site: a check of its rows, and the author's starter rows."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from challenges import dataset
from challenges.kinds.tune import KIND, Hyperparameters
from gradus.courses.models import Challenge
from gradus.learn import contexts as pages
from gradus.learn import forms
from gradus.learn.form_problems import Problem, as_refusal
from gradus.learn.kinds.tune import knobs
from gradus.learn.kinds.tune import starter as starter_rows
from gradus.learn.kinds.tune.draft import TuneDraft
from gradus.learn.kinds.tune.page import PAGE, train_rows, with_method
from gradus.learn.kinds.tune.training_rows import jsonl_file
from gradus.learn.views.access import shown_challenge
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
    chosen = knobs.numbers(draft.hyperparameters)
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
    return jsonl_file(starter_rows.text_of(found.version), f"{slug}-train.jsonl")


@require_POST
def starter_use(request: HttpRequest, slug: str) -> HttpResponse:
    """Puts the starter rows into the form; asks first where they would overwrite rows, and can take them back."""
    found = _challenge(slug)
    version = found.version
    if version is None or not version.train:
        raise Http404
    draft = PAGE.posted(KIND.name, found.spec, request)
    context: dict[str, Any] = {}
    if "undo" in request.POST:
        draft = starter_rows.before(draft, request)
    elif "keep" not in request.POST:
        lines = starter_rows.would_overwrite(version, draft)
        if lines and "replace" not in request.POST:
            context = {"overwrites": lines, "starter_count": len(version.train)}
        else:
            before = draft
            draft, cost = starter_rows.put_in(version, before)
            context = {"cost": cost, "before": before if lines else None}
    return pages.challenge_page(request, found, draft, extra={"starter": context})
