"""Pages on which reviewers read answers, mark them, and store them as gold rows."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from challenges.kinds.rubric import free_text
from gradus.accounts.models import User
from gradus.accounts.roles import DECIDES
from gradus.reviews import certainty, desk, evidence, queue, services
from gradus.reviews import review_reasons as reasons
from gradus.reviews.forms import DecisionForm, GoldForm, machine_data
from gradus.reviews.models import Review
from gradus.reviews.queue import reviewer
from gradus.reviews.services import locks
from gradus.submissions.services import Refused

PAGE_ROWS = 50


def review_list(request: HttpRequest) -> HttpResponse:
    """Lists the questions with answers that wait for a person, and the answers: appeals first, then by score.

    `?course=` and `?question=` show those of one course or question. What does not wait is not filtered by.
    """
    user = reviewer(request)
    questions = desk.questions(user)
    courses = {one.challenge.lesson.course.slug: one.challenge.lesson.course for one in questions}
    course = courses.get(request.GET.get("course", ""))
    asked = next((one for one in questions if one.challenge.slug == request.GET.get("question")), None)
    waiting = queue.waiting_for(user)
    if course is not None:
        waiting = waiting.filter(submission__challenge__lesson__course=course)
    if asked is not None:
        waiting = waiting.filter(submission__challenge=asked.challenge)
    page = Paginator(waiting, PAGE_ROWS).get_page(request.GET.get("page"))
    rows = [(review, reasons.all_in_words(review.reasons, review.submission.version.parsed)) for review in page]
    # What is the only reason of every row is told once above them. A blind row tells none.
    told = [why for review, why in rows if not review.is_blind]
    same = told[0][0] if len(told) > 1 and len(told[0]) == 1 and all(why == told[0] for why in told) else ""
    shown = [one for one in questions if asked in (None, one) and course in (None, one.challenge.lesson.course)]
    deciding = set(queue.taught_by(user, DECIDES).values_list("pk", flat=True))
    context = {"deciding": deciding, "page": page, "rows": rows, "same": same, "shown": shown, "questions": questions}
    return render(
        request, "reviews/queue.html", {**context, "courses": courses.values(), "course": course, "asked": asked}
    )


def review_show(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows one answer, with the machine's marks unless it is a blind audit. A POST records a person's marks."""
    user = reviewer(request)
    is_held = request.method != "GET" or services.open_for_marking(user, pk)
    review = get_object_or_404(queue.reviews_for(user), pk=pk)
    decides = queue.decides(user, review.submission.challenge, review.submission.of_class)
    if decides and not is_held and review.is_locked and review.locked_by != user:
        messages.warning(request, locks.why_not(review, user).message)
    case = evidence.case(review, of_class=queue.limited_to(user, review))
    form = DecisionForm(case, posted(request, case), comment=request.session.pop(f"comment-{pk}", ""))
    if request.method == "POST" and form.is_valid():
        refusal = record(request, user, review, form)
        if refusal is None:
            return onward(request, user, review, form.cleaned_data["comment"])
        if refusal.code == "withdrawn":
            messages.warning(request, refusal.message)
            return to_next(user, review)
        form.add_error(None, refusal.message)
    asked = free_text(review.submission.version.parsed)
    context = {"case": case, "review": review, "form": form, "asked": asked, **around(user, review)}
    context |= {"decides": decides, "is_closed": context["is_closed"] or not decides}
    return render(request, "reviews/review.html", context, status=422 if form.errors else 200)


def posted(request: HttpRequest, case: evidence.Case) -> Any:
    if request.method != "POST":
        return None
    if request.POST.get("action") == "accept" and case.can_accept:
        return machine_data(case, request.POST.get("reason", ""), request.POST.get("comment", ""))
    return request.POST


def record(request: HttpRequest, user: User, review: Review, form: DecisionForm) -> Refused | None:
    try:
        # A form that was sent blind counts as blind, even if somebody else has marked the audit in the meantime.
        if request.POST.get("action") == "blind":
            services.mark_blind(review, by=user, marks=form.marks(), comment=form.cleaned_data["comment"])
        else:
            texts = {name: form.cleaned_data[name] for name in ("reason", "comment")}
            services.decide(review, by=user, marks=form.marks(), **texts)
    except Refused as refusal:
        return refusal
    return None


def onward(request: HttpRequest, user: User, review: Review, comment: str) -> HttpResponse:
    """Redirects to the next answer, or back to this one if the blind marks differ from the machine's."""
    review.refresh_from_db()
    if review.decided_at is None:
        said = _("Your marks are stored. They differ from the machine's: look at both, then record what should count.")
        messages.info(request, said)
        # The comment goes with the decision, which comes next.
        request.session[f"comment-{review.pk}"] = comment
        return redirect("reviews:review", review.pk)
    messages.success(request, _("Your marks are recorded. The learner now sees a person-verified grade."))
    return to_next(user, review)


def to_next(user: User, review: Review) -> HttpResponse:
    following = services.claim_next(user, review)
    return redirect("reviews:review", following.pk) if following else redirect("reviews:queue")


def around(user: User, review: Review) -> dict[str, Any]:
    known = certainty.of(review.submission.challenge, review.judge)
    # A blind answer that follows a later attempt is marked there, because only what waits takes blind marks.
    is_later = review.is_blind and review.follows_id is not None
    sure = "" if review.certainty is None else known.in_words(review.certainty)
    return {
        "following": queue.after(user, review),
        "gold_form": GoldForm(),
        "gold": getattr(review, "gold_row", None),
        "certainty": sure,
        "is_closed": bool(review.decided_at or review.withdrawn_at or is_later),
        "snippets": desk.snippets(user, review.submission.challenge),
    }


@require_POST
def gold_create(request: HttpRequest, pk: int) -> HttpResponse:
    """Stores a decided answer as a gold row."""
    user = reviewer(request)
    review = get_object_or_404(queue.reviews_for(user), pk=pk)
    try:
        row = services.make_gold(review, by=user, role=request.POST.get("role", ""))
        said = _("The answer is stored as a gold row for this use: %(use)s.")
        messages.success(request, said % {"use": row.get_role_display()})
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return redirect("reviews:review", review.pk)


def gold_rows(request: HttpRequest, slug: str) -> HttpResponse:
    """Downloads all gold rows of a challenge in the format of `gold.jsonl`."""
    challenge = get_object_or_404(queue.challenges_of(reviewer(request)), slug=slug)
    answer = HttpResponse(services.as_json_lines(challenge), content_type="application/jsonl; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{slug}-gold.jsonl"'
    return answer
