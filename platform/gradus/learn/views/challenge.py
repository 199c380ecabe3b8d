from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from challenges import dataset
from challenges.payloads import Hyperparameters
from challenges.spec import Kind
from gradus.accounts.guests import learner, learner_or_guest
from gradus.courses.models import Challenge
from gradus.learn import contexts as pages
from gradus.learn import forms, knobs, markdown, path
from gradus.learn.approaches import board as three_approaches
from gradus.learn.form_problems import Problem, as_refusal, of_refusal
from gradus.learn.starter import put_in
from gradus.learn.views.access import shown_challenge
from gradus.submissions import services
from gradus.submissions.models import Submission
from gradus.submissions.services import Refused
from gradus.submissions.services.payload import counter


def challenge(request: HttpRequest, slug: str) -> HttpResponse:
    """Statement, samples, limits, hints, and the form of the track asked for."""
    found = shown_challenge(slug)
    draft = _draft(request, found)
    if request.GET.get("rows") == "starter" and found.version is not None and found.version.train:
        draft, cost = put_in(found.version, draft)
        return pages.challenge_page(request, found, draft, starter={"cost": cost})
    return pages.challenge_page(request, found, draft)


def _draft(request: HttpRequest, found: Challenge) -> forms.Draft:
    """From the attempt that was asked for, else from the last one of this track, else blank."""
    spec = found.spec
    kind = forms.kind_of(spec, request.GET.get("track"))
    before = _before(request, found, kind)
    return forms.from_payload(spec, before.payload) if before else forms.blank(spec, kind)


def _before(request: HttpRequest, found: Challenge, kind: str) -> Submission | None:
    user = learner(request)
    if user is None or "blank" in request.GET or request.GET.get("rows") == "starter":
        return None
    attempts = Submission.objects.of(user).filter(challenge=found, kind=kind)
    chosen = request.GET.get("from", "")
    return next((one for one in attempts if str(one.uuid) == chosen), None) or attempts.first()


@require_POST
def hint(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows one hint more."""
    found = shown_challenge(slug)
    services.take_hint(learner_or_guest(request), found)
    if request.headers.get("HX-Request"):
        return render(request, "learn/_hints.html", pages.hints_context(request, found))
    return redirect(reverse("learn:challenge", args=[slug]) + "#hints")


@require_POST
def dataset_check(request: HttpRequest, slug: str) -> HttpResponse:
    """What is in the rows, and what they will cost, before an attempt is spent."""
    found = shown_challenge(slug)
    if Kind.LORA not in found.spec.tracks:
        raise Http404
    data = forms.rows_bytes(request)
    draft = forms.from_request(found.spec, request, data)
    problems: list[Problem] = []
    report: dataset.DatasetReport | None = None
    try:
        report = _report(found, draft, data)
    except Refused as refused:
        problems = of_refusal(refused, data, forms.labels_of(found.spec))
    else:
        problems = of_refusal(as_refusal(report.problems), data) if report.problems else []
    if request.headers.get("HX-Request"):
        context = {"report": report, "problems": problems, "spec": found.spec}
        return render(request, "learn/_dataset_report.html", context)
    return pages.challenge_page(request, found, draft, problems=problems, report=report)


def _report(found: Challenge, draft: forms.Draft, data: bytes) -> dataset.DatasetReport:
    """Raises `Refused` for lines that cannot be read, and for knobs that are no numbers."""
    rows = forms.train_rows(data)
    chosen = knobs.numbers(draft.hyperparameters)
    return dataset.report(
        found.spec,
        rows,
        counter(found.spec),
        instructions=draft.instructions,
        hyperparameters=Hyperparameters(**chosen),
    )


def starter(request: HttpRequest, slug: str) -> HttpResponse:
    """The author's starter rows, as a file."""
    found = shown_challenge(slug)
    if found.version is None or not found.version.train:
        raise Http404
    return _file(forms.json_lines(found.version.train), f"{slug}-train.jsonl")


def samples(request: HttpRequest, slug: str) -> HttpResponse:
    """The public samples, as a file."""
    found = shown_challenge(slug)
    if found.version is None or not found.version.public:
        raise Http404
    rows = [{key: row[key] for key in ("id", "input", "target")} for row in found.version.public]
    return _file(forms.json_lines(rows), f"{slug}-public.jsonl")


def _file(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="application/jsonl; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def solution(request: HttpRequest, slug: str) -> HttpResponse:
    """After passing only."""
    found = shown_challenge(slug)
    if found.version is None or not path.has_passed(learner(request), found):
        return render(request, "learn/solution_locked.html", {"challenge": found}, status=403)
    page = markdown.render(found.version.solution)
    return render(request, "learn/solution.html", {"challenge": found, "page": page})


def board(request: HttpRequest, slug: str) -> HttpResponse:
    """Three approaches on one board."""
    found = shown_challenge(slug)
    shown = three_approaches(found, learner(request))
    if shown is None:
        raise Http404
    return render(request, "learn/board.html", {"challenge": found, "board": shown})
