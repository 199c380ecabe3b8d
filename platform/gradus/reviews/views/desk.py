"""The review desk: the answers to one question under each other on one page, each recorded without a page load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from challenges.kinds.rubric import free_text
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import desk, evidence, queue
from gradus.reviews.forms import DecisionForm
from gradus.reviews.models import Review
from gradus.reviews.queue import reviewer
from gradus.reviews.views.review import record


@dataclass(frozen=True)
class Entry:
    """An answer on the page, with the form of its marks."""

    case: evidence.Case
    form: DecisionForm

    @property
    def review(self) -> Review:
        return self.case.review


def question_show(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the answers to one question that wait, beside the question and its rubric."""
    user = reviewer(request)
    return page(request, user, asked_for(user, slug))


@require_POST
def answer_record(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Records the marks of one answer. Answers a script with the new piece of the page, and others with the page."""
    user = reviewer(request)
    challenge = asked_for(user, slug)
    review = queue.reviews_for(user).filter(submission__challenge=challenge, pk=pk).first()
    if review is None:
        return gone(request, challenge, pk)
    following = after(user, challenge, review)
    entry = entry_of(review, request.POST)
    if not entry.form.is_valid():
        return refused(request, user, challenge, entry)
    refusal = record(request, user, review, entry.form)
    if refusal is not None:
        entry.form.add_error(None, refusal.message)
        return refused(request, user, challenge, entry)
    review.refresh_from_db()
    if request.headers.get("HX-Request"):
        return piece(request, user, challenge, review)
    messages.success(request, said(review))
    anchor = review.pk if review.decided_at is None else following
    return redirect(reverse("reviews:question", args=[slug]) + (f"#answer-{anchor}" if anchor else ""))


def asked_for(user: User, slug: str) -> Challenge:
    challenge = desk.challenge_for(user, slug)
    if challenge is None:
        raise Http404
    return challenge


def entry_of(review: Review, data: Any = None) -> Entry:
    case = evidence.case(review, with_nearest=False)
    return Entry(case, DecisionForm(case, data, auto_id=f"answer-{review.pk}-%s"))


def after(user: User, challenge: Challenge, review: Review) -> int | None:
    """Returns the primary key of the answer that follows on the page, or of the first one after the last."""
    ids = [one.pk for one in desk.answers(user, challenge)]
    later = ids[ids.index(review.pk) + 1 :] if review.pk in ids else []
    return next((pk for pk in [*later, *ids] if pk != review.pk), None)


def page(
    request: HttpRequest, user: User, challenge: Challenge, bound: Entry | None = None, status: int = 200
) -> HttpResponse:
    """Renders the page. `bound` takes the place of its answer, or stands first if the answer no longer waits."""
    reviews = desk.answers(user, challenge)
    entries = [bound if bound is not None and one.pk == bound.review.pk else entry_of(one) for one in reviews]
    if bound is not None and bound not in entries:
        entries.insert(0, bound)
    version = entries[0].review.evaluation.version if entries else challenge.version
    assert version is not None
    context = {
        "challenge": challenge,
        "version": version,
        "asked": free_text(version.parsed),
        "entries": entries,
        "progress": desk.progress(user, challenge),
        "other_versions": desk.of_other_versions(user, challenge, version) if entries else 0,
    }
    return render(request, "reviews/question.html", context, status=status)


def refused(request: HttpRequest, user: User, challenge: Challenge, entry: Entry) -> HttpResponse:
    """Shows the marks again as they were sent, with the reason why they were not recorded."""
    if request.headers.get("HX-Request"):
        return render(request, "reviews/_answer.html", {"entry": entry, "challenge": challenge}, status=422)
    return page(request, user, challenge, entry, status=422)


def piece(request: HttpRequest, user: User, challenge: Challenge, review: Review) -> HttpResponse:
    """Renders what takes the place of a recorded answer, the progress, and the answer that comes next."""
    if review.decided_at is None:
        return render(request, "reviews/_answer.html", {"entry": entry_of(review), "challenge": challenge})
    shown = {int(pk) for pk in request.POST.getlist("shown") if pk.isdecimal() and len(pk) < 19} - {review.pk}
    version = review.evaluation.version
    arrived = desk.answers(user, challenge, version.pk, shown)
    context = {
        "challenge": challenge,
        "review": review,
        "arrived": [entry_of(one) for one in arrived],
        "progress": desk.progress(user, challenge),
        "is_last": not shown and not arrived,
        "other_versions": desk.of_other_versions(user, challenge, version),
    }
    return render(request, "reviews/_recorded.html", context)


def gone(request: HttpRequest, challenge: Challenge, pk: int) -> HttpResponse:
    """Says that an answer no longer waits: a newer attempt of its learner may have taken its place."""
    if request.headers.get("HX-Request"):
        return render(request, "reviews/_gone.html", {"pk": pk})
    messages.warning(request, _("This answer no longer waits. Its learner may have submitted a newer one."))
    return redirect("reviews:question", challenge.slug)


def said(review: Review) -> str:
    if review.decided_at is None:
        return _("Your marks are stored. They differ from the machine's: look at both, then record what should count.")
    return _("Your marks are recorded. The learner now sees a person-verified grade.")
