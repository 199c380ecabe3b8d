import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.files.storage import storages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner_or_guest
from gradus.accounts.rate_limits import hashed_network
from gradus.classes import releases
from gradus.courses import days
from gradus.courses.models import Challenge
from gradus.learn import forms
from gradus.learn.access import own_submission, shown_challenge
from gradus.learn.challenge_page import challenge_page
from gradus.learn.form_problems import APPEAL, of_refusal
from gradus.learn.kind_pages import Draft, with_line_feeds
from gradus.learn.path import steps
from gradus.learn.result.moment import is_celebrated, moment
from gradus.learn.result.next_step import next_step
from gradus.learn.result.page import can_repeat, evaluation_context, withheld_context
from gradus.receipts import services as receipts
from gradus.receipts.statement import statement
from gradus.reviews import services as reviews
from gradus.reviews.models import APPEAL_CHARS, Appeal
from gradus.submissions import services, stream
from gradus.submissions.models import Submission
from gradus.submissions.services import Refused
from gradus.submissions.states import WITHHELD
from gradus.validators import whole_number


@require_POST
def submit(request: HttpRequest, slug: str) -> HttpResponse:
    """Takes the attempt, or shows the form again with everything typed and each problem by field and line."""
    challenge = shown_challenge(request, slug)
    draft = forms.from_request(challenge.spec, request)
    try:
        submission = _submit(request, challenge, draft)
    except Refused as refused:
        problems = forms.problems_of(refused, challenge.spec, draft)
        status = 422 if refused.problems and refused.status != 429 else refused.status
        response = challenge_page(request, challenge, draft, problems=problems, status=status)
        if refused.retry_after:
            response["Retry-After"] = str(refused.retry_after)
        return response
    return redirect("learn:submission", submission.uuid)


def _submit(request: HttpRequest, challenge: Challenge, draft: Draft) -> Submission:
    forms.expect_whole(request)
    forms.expect_same_learner(request)
    payload = forms.payload_of(challenge.spec, draft)
    key = request.POST.get("key") or draft.key
    user, network = learner_or_guest(request), hashed_network(request, days.today(challenge.lesson.course.timezone))
    agreed = "withdraw_earlier" in request.POST
    submission, _ = services.submit(
        user,
        challenge,
        payload,
        idempotency_key=key,
        network=network,
        withdraw_earlier=agreed,
        of_class=whole_number(request.POST.get("class")),
    )
    return submission


def submission(request: HttpRequest, uuid: UUID) -> HttpResponse:
    return render(request, "learn/submission.html", _seen(request, own_submission(request, uuid)))


def submission_fragment(request: HttpRequest, uuid: UUID) -> HttpResponse:
    return render(request, "learn/_submission.html", _seen(request, own_submission(request, uuid)))


def _seen(request: HttpRequest, submission: Submission) -> dict[str, object]:
    """The context of a page that the learner looks at. A first pass is celebrated the first time."""
    shown = _context(submission)
    return {**shown, "celebrate": is_celebrated(request.session, shown["evaluation"], shown.get("moment"))}


def _context(submission: Submission) -> dict[str, Any]:
    if submission.current.state == WITHHELD:
        return withheld_context(submission)
    shown = evaluation_context(submission)
    return {
        **shown,
        "moment": moment(submission, shown["evaluation"], shown["score"]) if shown["score"] else None,
        "next_step": next_step(submission, shown["spec"], shown["score"]),
        "submission": submission,
        "has_passed": steps.has_passed(submission.user, submission.challenge),
        "appeal_chars": APPEAL_CHARS,
        "release": releases.rule_of(submission.of_class, submission.challenge) if submission.of_class else None,
        "can_repeat": submission.grade_withheld and can_repeat(submission),
        "can_appeal": reviews.can_appeal(submission),
        "follows_later": reviews.follows_later(submission),
        "goes_to_second": reviews.goes_to_second(submission),
        "appeal": submission.appeals.order_by("-pk").first(),
        "earlier": Submission.objects.of(submission.user)
        .filter(challenge=submission.challenge, pk__lt=submission.pk)
        .first(),
    }


def submission_events(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    return stream.response(request, own_submission(request, uuid))


@require_POST
def submission_cancel(request: HttpRequest, uuid: UUID) -> HttpResponse:
    submission = own_submission(request, uuid)
    try:
        messages.info(request, services.cancel(submission).message)
    except Refused as refused:
        messages.warning(request, refused.message)
    return redirect("learn:submission", submission.uuid)


@require_POST
def submission_appeal(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """A text that is refused stays in its field, with the reason above it."""
    submission = own_submission(request, uuid)
    text = with_line_feeds(request.POST.get("text", ""))
    try:
        made = reviews.appeal(submission, text)
        if made.stage == Appeal.Stage.SECOND:
            messages.success(request, gettext("Your appeal is with a second grader. You will see the outcome here."))
        else:
            messages.success(request, gettext("Your appeal is with a person. You will see the outcome here."))
    except Refused as refused:
        if refused.status == 422:
            context = {**_context(submission), "appeal_text": text, "problems": of_refusal(refused, APPEAL)}
            return render(request, "learn/submission.html", context, status=422)
        messages.warning(request, refused.message)
    return redirect("learn:submission", submission.uuid)


def artifact(request: HttpRequest, uuid: UUID) -> FileResponse:
    """The learner's own adapter."""
    submission = own_submission(request, uuid)
    name, store = submission.current.artifact, storages["artifacts"]
    if not name or not store.exists(name):
        raise Http404
    return FileResponse(store.open(name), as_attachment=True, filename=f"{submission.challenge.slug}-adapter.zip")


def receipt(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The signed receipt of the learner's own score, as a file."""
    submission = own_submission(request, uuid)
    name = f"{submission.challenge.slug}-receipt.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(_written(_receipt(request, submission)), content_type="application/json", headers=headers)


def receipt_page(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """The same receipt with what it states in words, and how others can check it."""
    submission = own_submission(request, uuid)
    made = _receipt(request, submission)
    context = {
        "submission": submission,
        "challenge": submission.challenge,
        "statement": statement(receipts.verified(made)),
        "receipt": _written(made),
    }
    return render(request, "learn/receipt.html", context)


def _receipt(request: HttpRequest, submission: Submission) -> dict[str, Any]:
    made = receipts.receipt(submission, request.build_absolute_uri("/").rstrip("/"))
    if made is None:
        raise Http404
    return made


def _written(made: dict[str, Any]) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False)
