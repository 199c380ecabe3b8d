"""The page on which a reviewer accepts the machine's marks of several answers, and what a question's editors choose."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from gradus.reviews import evidence, queue, services
from gradus.reviews.bulk_offer import offer
from gradus.reviews.models import Review
from gradus.reviews.queue import reviewer
from gradus.reviews.views.question import asked_for, keys
from gradus.submissions.services import Refused


def bulk_show(request: HttpRequest, slug: str) -> HttpResponse:
    """Shows the answers whose marks by the machine can be accepted together. A POST accepts the chosen ones."""
    user = reviewer(request)
    challenge = asked_for(user, slug)
    if request.method == "POST":
        try:
            done = services.accept_machine_marks(user, challenge, keys(request.POST.getlist("answer")))
        except Refused as refusal:
            messages.warning(request, refusal.message)
            return redirect("reviews:bulk", slug)
        for said in in_words(done):
            messages.info(request, said)
        return redirect("reviews:bulk" if done.refused else "reviews:question", slug)
    if not queue.decides(user, challenge):
        return redirect(reverse("reviews:queue") + f"?question={slug}")
    offered = offer(user, challenge)
    cases = [evidence.case(review, with_nearest=False) for review in offered.answers]
    return render(request, "reviews/bulk.html", {"challenge": challenge, "offer": offered, "cases": cases})


def in_words(done: services.Accepted) -> Iterable[str]:
    """Says what became of the chosen answers."""
    accepted, drawn = len(done.accepted), len(done.drawn)
    yield ngettext(
        "%(count)d answer has the machine's marks now.", "%(count)d answers have the machine's marks now.", accepted
    ) % {"count": accepted}
    if drawn:
        yield ngettext(
            "%(count)d was drawn at random and waits for marks that you give without seeing the machine's.",
            "%(count)d were drawn at random and wait for marks that you give without seeing the machine's.",
            drawn,
        ) % {"count": drawn}
    for pk, refusal in done.refused.items():
        yield _("Answer %(number)d was not accepted: %(reason)s") % {"number": pk, "reason": refusal.message}


@require_POST
def blind_choose(request: HttpRequest, slug: str) -> HttpResponse:
    """Chooses whether reviewers of a question mark each answer before they see the machine's marks."""
    user = reviewer(request)
    challenge = asked_for(user, slug)
    # An answer that somebody is marking stays as it is, so the person's own are given back first.
    own = Review.objects.held_by(user).filter(submission__challenge=challenge)
    services.release(user, list(own.values_list("pk", flat=True)))
    try:
        chosen = services.mark_question_blind(challenge, by=user, blind=request.POST.get("blind") == "yes")
        told = (
            _("Reviewers now mark each answer before they see the machine's marks.")
            if chosen.blind
            else _("Reviewers now see the machine's marks while they mark.")
        )
        messages.success(request, told)
    except Refused as refusal:
        messages.warning(request, refusal.message)
    return redirect("reviews:question", slug)
