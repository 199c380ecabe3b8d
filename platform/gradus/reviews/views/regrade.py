"""Pages on which reviewers start shadow runs, look at their changes, and approve or discard them."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gradus.accounts.roles import DECIDES
from gradus.reviews import queue, services
from gradus.reviews.models import Regrade
from gradus.reviews.queue import reviewer
from gradus.reviews.regrade_matrix import KEPT, LEFT_OUT, counted, matrix
from gradus.reviews.services.regrades import ADOPTED
from gradus.submissions.services import Refused

LISTED = 50


def regrade_list(request: HttpRequest) -> HttpResponse:
    """Lists the shadow runs, newest first. A POST starts one."""
    user = reviewer(request)
    challenges = queue.challenges_of(user, DECIDES)
    slug, note = request.POST.get("challenge", ""), request.POST.get("note", "")
    if request.method == "POST":
        challenge = next((one for one in challenges if one.slug == slug), None)
        if challenge is None:
            raise Http404
        try:
            made = services.start_regrade(challenge, by=user, note=note)
            return redirect("reviews:regrade", made.pk)
        except Refused as refusal:
            messages.warning(request, refusal.message)
    regrades = queue.regrades_for(user)[:LISTED]
    context = {"regrades": regrades, "challenges": challenges, "chosen": slug, "note": note}
    return render(request, "reviews/regrades.html", context)


def regrade_show(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows what a shadow run would change. A POST approves or discards it."""
    user = reviewer(request)
    regrade = get_object_or_404(queue.regrades_for(user), pk=pk)
    if request.method == "POST":
        end(request, regrade)
        return redirect("reviews:regrade", regrade.pk)
    changes = matrix(regrade)
    context = {
        "regrade": regrade,
        "decides": queue.decides(user, regrade.challenge),
        "matrix": changes,
        "kept": counted(changes.kept, KEPT),
        "left_out": counted(regrade.left_out, LEFT_OUT),
    }
    return render(request, "reviews/regrade.html", context)


def end(request: HttpRequest, regrade: Regrade) -> None:
    """Approves or discards a shadow run, and says what has changed."""
    user, approves = reviewer(request), request.POST.get("action") == "approve"
    try:
        if approves:
            done = services.approve(regrade, by=user, lower="lower" in request.POST)
            messages.success(request, in_words(done))
        else:
            services.discard(regrade, by=user)
            messages.success(request, _("The shadow run is discarded. No grade has changed."))
    except Refused as refusal:
        messages.warning(request, refusal.message)


def in_words(done: dict[str, int]) -> str:
    """Returns how many new grades of an approved run count now. The page gives the reasons for the others."""
    adopted, kept = done.get(ADOPTED, 0), sum(done.values()) - done.get(ADOPTED, 0)
    told = [
        ngettext("%(count)d new grade counts now.", "%(count)d new grades count now.", adopted) % {"count": adopted}
    ]
    if kept:
        stayed = ngettext(
            "%(count)d grade stayed as it was; the reason is below.",
            "%(count)d grades stayed as they were; the reasons are below.",
            kept,
        )
        told.append(stayed % {"count": kept})
    return " ".join(told)
