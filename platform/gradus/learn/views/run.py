from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner, learner_or_guest
from gradus.chats.purpose import Chat
from gradus.learn import forms
from gradus.learn.access import own_run, shown_challenge
from gradus.learn.challenge_page import challenge_page
from gradus.learn.form_problems import Problem
from gradus.learn.result import orders_and_budget
from gradus.learn.result.page import evaluation_context
from gradus.learn.views.chat import run_chat
from gradus.submissions import services, stream
from gradus.submissions.models import Run
from gradus.submissions.services import Refused


@require_POST
def run_start(request: HttpRequest, slug: str) -> HttpResponse:
    """A run on the public samples. From a page with htmx the result appears beside the form, which stays as it is."""
    challenge = shown_challenge(request, slug)
    draft = forms.from_request(challenge.spec, request)
    assert challenge.version is not None
    try:
        forms.expect_whole(request)
        forms.expect_same_learner(request)
        payload = forms.payload_of(challenge.spec, draft)
        run = services.start_run(learner_or_guest(request), challenge.version, payload)
    except Refused as refused:
        problems = forms.problems_of(refused, challenge.spec, draft)
        if request.headers.get("HX-Request"):
            return _problems(request, problems)
        response = challenge_page(request, challenge, draft, problems=problems, status=refused.status)
        if refused.retry_after:
            response["Retry-After"] = str(refused.retry_after)
        return response
    if request.headers.get("HX-Request"):
        return _fragment(request, run, clear_problems=True)
    return redirect("learn:run", run.uuid)


def _problems(request: HttpRequest, problems: list[Problem]) -> HttpResponse:
    """422 whatever the reason, because that is what htmx swaps in: the list, and each message beside its field."""
    response = render(request, "learn/_refused.html", {"problems": problems}, status=422)
    response["HX-Retarget"], response["HX-Reswap"] = "#problems", "innerHTML"
    return response


@require_POST
def tokens(request: HttpRequest, slug: str) -> HttpResponse:
    """How many tokens the form uses of those allowed; nothing where it cannot be read yet."""
    challenge = shown_challenge(request, slug)
    draft = forms.from_request(challenge.spec, request)
    try:
        use = services.token_use(challenge.spec, forms.payload_of(challenge.spec, draft))
    except Refused:
        use = None
    price = orders_and_budget.price(challenge, learner(request), draft.kind, use)
    return render(request, "learn/_tokens.html", {"use": use, "price": price, "kind": draft.kind})


def run(request: HttpRequest, uuid: UUID) -> HttpResponse:
    run = own_run(request, uuid)
    if run.purpose == Chat.name:
        return redirect("learn:run_chat", run.uuid)
    return render(request, "learn/run.html", evaluation_context(run))


def run_fragment(request: HttpRequest, uuid: UUID) -> HttpResponse:
    run = own_run(request, uuid)
    return run_chat(request, uuid) if run.purpose == Chat.name else _fragment(request, run)


def _fragment(request: HttpRequest, run: Run, **extra: bool) -> HttpResponse:
    """The run alone. It tells the page that the history has changed: a run began or ended."""
    is_own_page = reverse("learn:run", args=[run.uuid]) in request.headers.get("HX-Current-URL", "")
    context = {**evaluation_context(run), "is_own_page": is_own_page, **extra}
    response = render(request, "learn/_run.html", context)
    response["HX-Trigger"] = "gradus:history"
    return response


def run_events(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    return stream.response(request, own_run(request, uuid))


@require_POST
def run_cancel(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """Ends a run that waits or is going on. From a page with htmx the run is shown again where it stood."""
    run = own_run(request, uuid)
    try:
        services.cancel_run(run)
    except Refused as refused:
        if not request.headers.get("HX-Request"):
            messages.warning(request, refused.message)
    if request.headers.get("HX-Request"):
        return run_chat(request, uuid) if run.purpose == Chat.name else _fragment(request, run)
    return redirect("learn:run", run.uuid)
