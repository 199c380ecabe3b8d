from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from gradus.accounts.models import User
from gradus.reviews import evidence, queue, services
from gradus.reviews.forms import DecisionForm, machine_data
from gradus.reviews.models import Review
from gradus.submissions.services import Refused

PAGE_ROWS = 50


def review_list(request: HttpRequest) -> HttpResponse:
    """What waits for a person: appeals first, then by the machine's score."""
    waiting = queue.waiting_for(reviewer(request))
    page = Paginator(waiting, PAGE_ROWS).get_page(request.GET.get("page"))
    return render(request, "reviews/queue.html", {"page": page})


def review_show(request: HttpRequest, pk: int) -> HttpResponse:
    """One answer with the machine's marks; a POST records a person's."""
    user = reviewer(request)
    review = visible(user, pk)
    challenge = review.submission.version.parsed
    notes = evidence.notes(review.evaluation, challenge)
    lines = evidence.lines(review.evaluation, challenge, notes.votes)
    form = DecisionForm(challenge, lines, posted(request, lines))
    if request.method == "POST" and form.is_valid():
        refusal = decide(review, user, form)
        if refusal is None:
            return to_next(request, user, review)
        form.add_error(None, refusal.message)
    context = {"review": review, "challenge": challenge, "notes": notes, "form": form, **reading(user, review, lines)}
    return render(request, "reviews/review.html", context, status=422 if form.errors else 200)


def reviewer(request: HttpRequest) -> User:
    """Raises Http404 for all others, so that the pages tell nothing of themselves."""
    if not isinstance(request.user, User) or not queue.is_reviewer(request.user):
        raise Http404
    return request.user


def visible(user: User, pk: int) -> Review:
    found = Review.objects.select_related(
        "submission__challenge__lesson__course", "submission__version", "evaluation", "decided_by"
    )
    review = get_object_or_404(found, pk=pk)
    if not queue.may_see(user, review):
        raise Http404
    return review


def posted(request: HttpRequest, lines: list[evidence.Line]) -> Any:
    if request.method != "POST":
        return None
    if request.POST.get("action") == "accept":
        return machine_data(lines, request.POST.get("reason", ""))
    return request.POST


def decide(review: Review, user: User, form: DecisionForm) -> Refused | None:
    try:
        services.decide(review, by=user, marks=form.marks(), reason=form.cleaned_data["reason"])
    except Refused as refusal:
        return refusal
    return None


def to_next(request: HttpRequest, user: User, review: Review) -> HttpResponse:
    messages.success(request, "Recorded. The learner sees a person-verified grade.")
    following = queue.after(user, review)
    return redirect("reviews:review", following.pk) if following else redirect("reviews:queue")


def reading(user: User, review: Review, lines: list[evidence.Line]) -> dict[str, Any]:
    answer = review.submission.payload.get("answer", "")
    return {
        "pieces": evidence.pieces(answer, [quote for line in lines for quote in line.quotes]),
        "following": queue.after(user, review),
        "appeal": review.submission.appeals.order_by("-pk").first(),
        "can_accept": all(line.mark in ("met", "partial", "not_met") for line in lines),
    }
