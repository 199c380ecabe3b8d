"""Pages with figures: how well judges and code agree with people, and what the judge costs."""

from typing import Any

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from challenges.kinds import registry as kinds
from challenges.kinds.rubric import Gate, free_text
from gradus.accounts.models import User
from gradus.courses.models import ChallengeVersion
from gradus.reviews import accuracy, certainty, marked, queue, services, spending
from gradus.reviews.queue import reviewer
from gradus.submissions.services import Refused


def accuracy_show(request: HttpRequest) -> HttpResponse:
    """Shows how often the machine agrees with people: by question, by language, and by signs of machine writing."""
    user = reviewer(request)
    gold = queue.challenges_of(user).filter(gold_rows__isnull=False).distinct()
    context = {"report": accuracy.report(user), "gold": gold, "certainties": certainty.overview(user)}
    return render(request, "reviews/accuracy.html", context)


def spending_show(request: HttpRequest) -> HttpResponse:
    """Shows the judge's calls, their costs and today's budgets of the whole site, for staff of the site only."""
    if not reviewer(request).is_staff:
        raise Http404
    context = {"periods": spending.by_period(), "models": spending.by_model(), "budgets": spending.budgets()}
    return render(request, "reviews/spending.html", {**context, "has_money_limit": spending.has_money_limit()})


FIGURES = {
    "agreement": _("Agreement"),
    "qwk": _("Quadratic weighted kappa (QWK)"),
    "bias": _("Bias"),
    "mae": _("Mean absolute error"),
}


def calibration_list(request: HttpRequest) -> HttpResponse:
    """Lists the free-text challenges with the judges that were measured on them."""
    versions = list(versions_for(reviewer(request)))
    counts = marked.of_all(versions)
    return render(request, "reviews/calibrations.html", {"rows": [(one, counts[one.pk]) for one in versions]})


def calibration_show(request: HttpRequest, pk: int) -> HttpResponse:
    """Shows the calibration reports of one version, newest first."""
    user = reviewer(request)
    version = get_object_or_404(ChallengeVersion.objects.select_related("challenge__lesson__course"), pk=pk)
    if not kinds.find(version.parsed.kind).is_judged or not may_see(user, version):
        raise Http404
    labels = {criterion.id: criterion.label for criterion in free_text(version.parsed).rubric}
    reports = [
        {**shown(one.report, labels), "passed": one.passed, "needs_another": one.needs_another}
        for one in version.calibrations.all()
    ]
    context = {
        "version": version,
        "gate": gate_in_words(free_text(version.parsed).gate),
        "reports": reports,
        "marked": marked.of(version),
        "may_edit": services.may_edit(user, version.challenge),
        "is_current": version.challenge.version_id == version.pk,
    }
    return render(request, "reviews/calibration.html", context)


@require_POST
def gold_consent(request: HttpRequest, slug: str) -> HttpResponse:
    """Lets decisions about a question become gold rows by themselves, or no longer."""
    user = reviewer(request)
    challenge = get_object_or_404(queue.challenges_of(user), slug=slug)
    if not kinds.find(challenge.kind).is_judged:
        raise Http404
    try:
        if request.POST.get("allow") == "yes":
            services.allow_gold(challenge, by=user)
            messages.success(request, _("From now on the answers that people mark are collected for this question."))
        else:
            services.stop_gold(challenge, by=user)
            messages.success(request, _("No more answers are collected for this question. Those collected stay."))
    except Refused as refused:
        messages.warning(request, refused.message)
    return redirect("reviews:calibration", challenge.version_id)


def gate_in_words(gate: Gate) -> dict[str, str]:
    """Returns what a gate asks for as text: shares in percent, and the kappa as a number."""
    shares = {name: f"{100 * value:g}\u00a0%" for name, value in gate if name not in ("qwk", "confidence")}
    return {**shares, "qwk": f"{gate.qwk:g}"}


def versions_for(user: User) -> QuerySet[ChallengeVersion]:
    """Returns the current versions of judged challenges in the courses that this person may review."""
    versions = ChallengeVersion.objects.filter(challenge__version=F("pk"), spec__kind__in=kinds.judged())
    if not user.is_staff:
        versions = versions.filter(challenge__lesson__course__in=queue.taught_by(user))
    return (
        versions.select_related("challenge__lesson__course")
        .prefetch_related("calibrations")
        .order_by("challenge__slug")
    )


def may_see(user: User, version: ChallengeVersion) -> bool:
    return queue.taught_by(user).filter(pk=version.challenge.lesson.course_id).exists()


def shown(report: dict[str, Any], labels: dict[str, str]) -> dict[str, Any]:
    """Returns a report with the labels of criteria, and with its curve as pairs of percent and accuracy."""
    criteria = [{**row, "label": labels.get(row["id"], row["id"])} for row in report.get("criteria", [])]
    curve = report.get("coverage", {}).get("accuracy_by_share", {})
    pairs = [(round(100 * float(share)), value) for share, value in sorted(curve.items())]
    figures = [(name, report[key]) for key, name in FIGURES.items() if key in report]
    return {**report, "criteria": criteria, "curve": pairs, "figures": figures}
