"""The page of one question: its answers under each other, each recorded without a page load."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from challenges import marks as table
from challenges.kinds.rubric import free_text
from gradus.accounts.models import User
from gradus.courses.models import Challenge
from gradus.reviews import certainty, desk, evidence, marked, queue, services
from gradus.reviews.bulk_offer import offer
from gradus.reviews.certainty import Certainty
from gradus.reviews.forms import DecisionForm
from gradus.reviews.models import Review
from gradus.reviews.queue import reviewer
from gradus.submissions.services import Refused
from gradus.validators import whole_number


@dataclass(frozen=True)
class Entry:
    """An answer on the page, with the form of its marks, and the others that wait with the same text.

    `certainty` says in words how often the machine was right when it was about as sure. It is empty while that is not
    known for the question, which the page says once.
    """

    case: evidence.Case
    form: DecisionForm
    equal: list[Review]
    certainty: str

    @property
    def review(self) -> Review:
        return self.case.review

    @property
    def has_presets(self) -> bool:
        """True if the marks that are chosen in advance are the machine's, and not the reviewer's own."""
        return not (self.review.is_blind or self.review.blind_marks or self.form.is_bound)


def question_show(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the answers to one question that wait, beside the question and its rubric."""
    user = reviewer(request)
    challenge = asked_for(user, slug)
    if not queue.decides(user, challenge):
        # This page is for marking. The list has the same answers, each with a page to read it.
        return redirect(reverse("reviews:queue") + f"?question={slug}")
    return page(request, user, challenge)


@require_POST
def answer_record(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Records the marks of one answer. Answers a script with the new piece of the page, and others with the page."""
    user = reviewer(request)
    challenge = asked_for(user, slug)
    review = queue.reviews_for(user).filter(submission__challenge=challenge, pk=pk).first()
    if review is None or review.withdrawn_at is not None:
        return gone(request, challenge, pk)
    following = after(user, challenge, review)
    entry = entry_of(user, review, request.POST)
    try:
        if not entry.form.is_valid():
            return refused(request, user, challenge, entry)
        equal = services.decide_equal(
            review,
            by=user,
            marks=entry.form.marks(),
            reason=entry.form.cleaned_data["reason"],
            comment=entry.form.cleaned_data["comment"],
            blind=request.POST.get("action") == "blind",
            ids=keys(request.POST.get("equal", "").split(",")),
        )
    except Refused as refusal:
        if refusal.code == "withdrawn":
            return gone(request, challenge, pk)
        entry.form.add_error(None, refusal.message)
        return refused(request, user, challenge, entry)
    if request.headers.get("HX-Request"):
        return piece(request, user, challenge, review, equal)
    messages.success(request, said(review, equal))
    if review.decided_at is None:
        # The comment goes with the decision, which comes next.
        request.session[f"comment-{pk}"] = entry.form.cleaned_data["comment"]
    anchor = review.pk if review.decided_at is None else following
    return redirect(reverse("reviews:question", args=[slug]) + (f"#answer-{anchor}" if anchor else ""))


def asked_for(user: User, slug: str) -> Challenge:
    challenge = desk.challenge_for(user, slug)
    if challenge is None:
        raise Http404
    return challenge


def entry_of(user: User, review: Review, data: Any = None, comment: str = "") -> Entry:
    case = evidence.case(review, with_nearest=False)
    form = DecisionForm(case, data, auto_id=f"answer-{review.pk}-%s", comment=comment)
    known = certainty.lately(review.submission.challenge).get(review.judge, Certainty(0))
    sure = known.in_words(review.certainty) if known.around(review.certainty) else ""
    return Entry(case, form, desk.equal_to(user, review), sure)


def held(user: User, reviews: list[Review]) -> list[Review]:
    """Locks the answers of a page for the reviewer, and returns those that nobody else has taken in the meantime."""
    ids = [review.pk for review in reviews]
    try:
        taken = services.claim(user, count=len(ids), ids=ids)
    except Refused:
        # The person holds answers on other pages. They can still be recorded there while nobody else takes them.
        others = Review.objects.held_by(user).exclude(pk__in=ids)
        services.release(user, list(others.values_list("pk", flat=True)))
        taken = services.claim(user, count=len(ids), ids=ids)
    return [review for review in reviews if review in taken]


def keys(given: list[str]) -> set[int]:
    """Returns the primary keys among these texts."""
    return set(filter(None, map(whole_number, given)))


@require_POST
def locks_renew(request: HttpRequest, slug: str) -> JsonResponse:
    """Renews the reviewer's locks on the answers of an open page, or gives them back when the page is left."""
    user = reviewer(request)
    challenge = asked_for(user, slug)
    reviews = list(desk.waiting_on(user, challenge).filter(pk__in=keys(request.POST.getlist("shown")))[: desk.SHOWN])
    if request.POST.get("action") == "release":
        services.release(user, [review.pk for review in reviews])
        return JsonResponse({"held": []})
    return JsonResponse({"held": [review.pk for review in held(user, reviews)]})


def after(user: User, challenge: Challenge, review: Review) -> int | None:
    """Returns the primary key of the answer that follows on the page, or of the first one after the last."""
    ids = [one.pk for one in desk.answers(user, challenge)]
    later = ids[ids.index(review.pk) + 1 :] if review.pk in ids else []
    return next((pk for pk in [*later, *ids] if pk != review.pk), None)


def page(
    request: HttpRequest, user: User, challenge: Challenge, bound: Entry | None = None, status: int = 200
) -> HttpResponse:
    """Renders the page. `bound` takes the place of its answer, or stands first if the answer no longer waits."""

    def opened(review: Review) -> Entry:
        return entry_of(user, review, comment=request.session.pop(f"comment-{review.pk}", ""))

    reviews = held(user, desk.answers(user, challenge))
    entries = [bound if bound is not None and one.pk == bound.review.pk else opened(one) for one in reviews]
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
        **left(user, challenge),
        "snippets": desk.snippets(user, challenge),
        "offer": offer(user, challenge),
        "marked": marked.of(challenge.version or version),
        "may_edit": services.may_edit(user, challenge),
        "is_blind": services.is_marked_blind(challenge.pk),
    }
    return render(request, "reviews/question.html", context, status=status)


def refused(request: HttpRequest, user: User, challenge: Challenge, entry: Entry) -> HttpResponse:
    """Shows the marks again as they were sent, with the reason why they were not recorded."""
    if request.headers.get("HX-Request"):
        return render(request, "reviews/_answer.html", {"entry": entry, "challenge": challenge}, status=422)
    return page(request, user, challenge, entry, status=422)


def piece(request: HttpRequest, user: User, challenge: Challenge, review: Review, equal: list[int]) -> HttpResponse:
    """Renders what takes the place of a recorded answer, the progress, and the answer that comes next."""
    if review.decided_at is None:
        entry = entry_of(user, review, comment=request.POST.get("comment", ""))
        return render(request, "reviews/_answer.html", {"entry": entry, "challenge": challenge})
    shown = keys(request.POST.getlist("shown")) - {review.pk}
    version = review.evaluation.version
    arrived = held(user, desk.answers(user, challenge, version.pk, shown))
    rubric = free_text(version.parsed).rubric
    possible = sum(criterion.points for criterion in rubric)
    context = {
        "challenge": challenge,
        "review": review,
        "equal": equal,
        "points": table.score(rubric, review.marks) * possible,
        "possible": possible,
        "arrived": [entry_of(user, one) for one in arrived],
        "progress": desk.progress(user, challenge),
        "is_last": not shown and not arrived,
        "other_versions": desk.of_other_versions(user, challenge, version),
        **left(user, challenge),
    }
    return render(request, "reviews/_recorded.html", context)


def left(user: User, challenge: Challenge) -> dict[str, Any]:
    """Returns what the page says once no answer is left on it."""
    return {"with_others": desk.with_others(user, challenge), "following": desk.following(user, challenge)}


def gone(request: HttpRequest, challenge: Challenge, pk: int) -> HttpResponse:
    """Says that an answer no longer waits: a newer attempt of its learner may have taken its place."""
    if request.headers.get("HX-Request"):
        return render(request, "reviews/_gone.html", {"pk": pk})
    messages.warning(request, _("This answer no longer waits. Its learner may have submitted a newer one."))
    return redirect("reviews:question", challenge.slug)


def said(review: Review, equal: list[int]) -> str:
    if review.decided_at is None:
        return _("Your marks are stored. They differ from the machine's: look at both, then record what should count.")
    if equal:
        told = ngettext(
            "Your marks are recorded, also for %(count)d equal text.",
            "Your marks are recorded, also for %(count)d equal texts.",
            len(equal),
        )
        return told % {"count": len(equal)}
    return _("Your marks are recorded. The learner now sees a person-verified grade.")
