"""What a learner did at a challenge: the list, the names of runs, and two of them compared."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner
from gradus.learn.access import own_run, own_work, shown_challenge
from gradus.learn.form_problems import FormFields, of_refusal
from gradus.learn.path.history import entry_of, history_of
from gradus.learn.result import compare as comparing
from gradus.learn.result.page import evaluation_context
from gradus.retention import TRIALS
from gradus.submissions import services
from gradus.submissions.models import Run
from gradus.submissions.services import Refused


def history(request: HttpRequest, slug: str) -> HttpResponse:
    """The list alone, which a page asks for again whenever a run begins or ends."""
    challenge = shown_challenge(request, slug)
    shown = {"challenge": challenge, "spec": challenge.spec, "history": history_of(learner(request), challenge)}
    shown["runs_kept_days"] = TRIALS.time.days
    return render(request, "learn/_history.html", shown)


@require_POST
def run_name(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Names a trial run. A name that is refused stays in its field, with the reason below it."""
    run, typed = own_run(request, uuid), request.POST.get("name", "")
    if not run.is_trial:
        raise Http404
    try:
        services.name_run(run, typed)
    except Refused as refused:
        return _named(request, run, 422, problems=of_refusal(refused, _field(run)), typed=typed)
    if request.headers.get("HX-Request"):
        return _named(request, run, 200, is_named=True)
    return redirect("learn:run", run.uuid)


def _field(run: Run) -> FormFields:
    return FormFields(names={"name": _("Name")}, controls={"name": f"name-{run.uuid}"})


def _named(request: HttpRequest, run: Run, status: int, **extra: object) -> HttpResponse:
    """The run's entry of the history, or without htmx the run's page."""
    if not request.headers.get("HX-Request"):
        return render(request, "learn/run.html", {**evaluation_context(run), **extra}, status=status)
    challenge = run.version.challenge
    shown = {"challenge": challenge, "spec": run.version.parsed, "entry": entry_of(run), **extra}
    return render(request, "learn/_history_entry.html", shown, status=status)


def compare(request: HttpRequest, slug: str) -> HttpResponse:
    """Two of one's own attempts or runs, `?a=` and `?b=` or twice `?pick=`: only what differs."""
    challenge = shown_challenge(request, slug)
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
