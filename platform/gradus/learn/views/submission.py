from uuid import UUID

from django.contrib import messages
from django.core.files.storage import storages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner_or_guest
from gradus.courses.models import Challenge
from gradus.learn import forms, pages, path
from gradus.learn.problems import of_refusal
from gradus.learn.views.access import own_submission, shown_challenge
from gradus.reviews.services import appeal
from gradus.submissions import services, stream
from gradus.submissions.errors import State
from gradus.submissions.models import Evaluation, Submission
from gradus.submissions.services import Refused


@require_POST
def submit(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes the attempt, or shows the form again with everything typed and each problem by field and line."""
    challenge = shown_challenge(slug)
    data = forms.rows_bytes(request)
    draft = forms.from_request(challenge.spec, request, data)
    try:
        submission = _submit(request, challenge, draft, data)
    except Refused as refused:
        problems = of_refusal(refused, data)
        response = pages.challenge_page(request, challenge, draft, problems=problems, status=refused.status)
        if refused.retry_after:
            response["Retry-After"] = str(refused.retry_after)
        return response
    return redirect("learn:submission", submission.uuid)


def _submit(request: HttpRequest, challenge: Challenge, draft: forms.Draft, data: bytes) -> Submission:
    payload = forms.payload_of(challenge.spec, draft, data)
    key = request.POST.get("key", "")[:80] or draft.key
    submission, _ = services.submit(learner_or_guest(request), challenge, payload, idempotency_key=key)
    return submission


def submission(request: HttpRequest, uuid: UUID) -> HttpResponse:
    return render(request, "learn/submission.html", _context(own_submission(request, uuid)))


def submission_fragment(request: HttpRequest, uuid: UUID) -> HttpResponse:
    return render(request, "learn/_submission.html", _context(own_submission(request, uuid)))


def _context(found: Submission) -> dict[str, object]:
    evaluation = found.current
    return {
        **pages.evaluation_context(found),
        "submission": found,
        "has_passed": path.has_passed(found.user, found.challenge),
        "can_appeal": _can_appeal(found, evaluation),
        "appeal": found.appeals.order_by("-pk").first(),
        "earlier": Submission.objects.of(found.user).filter(challenge=found.challenge, pk__lt=found.pk).first(),
    }


def _can_appeal(found: Submission, evaluation: Evaluation) -> bool:
    """A person can decide about free text, once for each grade."""
    graded = found.kind == "free_text" and evaluation.state in (State.SCORED, State.REVIEW)
    return graded and evaluation.grader != "person" and not found.appeals.filter(evaluation=evaluation).exists()


def submission_events(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    return stream.response(request, own_submission(request, uuid).current)


@require_POST
def submission_cancel(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_submission(request, uuid)
    try:
        messages.info(request, services.cancel(found).message)
    except Refused as refused:
        messages.warning(request, refused.message)
    return redirect("learn:submission", found.uuid)


@require_POST
def submission_appeal(request: HttpRequest, uuid: UUID) -> HttpResponse:
    found = own_submission(request, uuid)
    text = request.POST.get("text", "").strip()
    if not text:
        messages.warning(request, "Say in a sentence what the grade overlooks.")
        return redirect("learn:submission", found.uuid)
    try:
        appeal(found, text)
        messages.success(request, "A person will look at your answer. You will see the outcome here.")
    except Refused as refused:
        messages.warning(request, refused.message)
    return redirect("learn:submission", found.uuid)


def artifact(request: HttpRequest, uuid: UUID) -> FileResponse:
    """The learner's own adapter."""
    found = own_submission(request, uuid)
    name, store = found.current.artifact, storages["artifacts"]
    if not name or not store.exists(name):
        raise Http404
    return FileResponse(store.open(name), as_attachment=True, filename=f"{found.challenge.slug}-adapter.zip")
