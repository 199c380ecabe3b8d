from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from challenges.findings.spec import Finding
from gradus.accounts.guests import learner, learner_or_guest
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.laboratory import own_sets, runs
from gradus.laboratory import services as laboratory
from gradus.laboratory.models import SURE
from gradus.laboratory.own_sets import Guess
from gradus.learn.access import shown_lesson
from gradus.learn.findings import shown
from gradus.submissions.services import Refused

# What the form sends instead of a repetition's number.
OWN = "own"


def finding(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """A finding on a page of its own. htmx asks for the runs alone, and gets 204 while nothing is new."""
    lesson, finding = with_finding(request, slug, name)
    if not request.headers.get("HX-Request"):
        return page(request, lesson, finding)
    attempts = shown.attempts_of(lesson, finding, learner(request))
    if request.GET.get("seen") == attempts.seen:
        return HttpResponse(status=204)
    return fragment(request, lesson, finding)


@require_POST
def finding_run(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Starts a set of the learner's own, or the prompt arms of one of the author's repetitions, on public rows."""
    lesson, finding = with_finding(request, slug, name)
    try:
        if request.POST.get("repetition") == OWN:
            guess = guessed(request)
            own_sets.start(lesson, finding, learner_or_guest(request), guess)
        else:
            number = chosen(request)
            runs.start(lesson, finding, learner_or_guest(request), number)
    except Refused as refused:
        return again(request, lesson, finding, refused)
    if request.headers.get("HX-Request"):
        return fragment(request, lesson, finding)
    return redirect("learn:finding", slug, name)


@require_POST
def contribution_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Takes a dot of the learner back."""
    user = learner(request)
    contribution = laboratory.withdraw(user, pk) if user else None
    if contribution is None:
        raise Http404
    lesson = catalogue.now().lessons.get(contribution.lesson.slug)
    finding = next((one for one in lesson.parsed_findings if one.id == contribution.finding), None) if lesson else None
    if lesson is None or finding is None:
        return redirect("learn:path")
    if request.headers.get("HX-Request"):
        return fragment(request, lesson, finding)
    return redirect("learn:finding", lesson.slug, finding.id)


def chosen(request: HttpRequest) -> int | None:
    """The number of the repetition; None for the next one.

    Raises:
        Refused: it is no number.
    """
    text = request.POST.get("repetition", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        raise Refused("no_such_repetition", _("Choose one of the listed repetitions."))
    return int(text)


def guessed(request: HttpRequest) -> Guess | None:
    """The prediction; None where the learner makes none.

    Raises:
        Refused: an arm without a probability, or with one that cannot be chosen.
    """
    arm, text = request.POST.get("arm", ""), request.POST.get("sure", "")
    if not arm:
        return None
    sure = {f"{round(100 * one)}": one for one in SURE}
    if text not in sure:
        said = _("Choose how sure you are: %(listed)s %%.") % {"listed": ", ".join(sure)}
        raise Refused("no_such_probability", said)
    return Guess(arm, sure[text])


def again(request: HttpRequest, lesson: Lesson, finding: Finding, refused: Refused) -> HttpResponse:
    """422 for htmx whatever the reason, because that is what it swaps in: the form keeps what was chosen."""
    if request.headers.get("HX-Request"):
        return fragment(request, lesson, finding, problems=[refused.message], status=422)
    response = page(request, lesson, finding, problems=[refused.message], status=refused.status)
    if refused.retry_after:
        response["Retry-After"] = str(refused.retry_after)
    return response


def page(
    request: HttpRequest, lesson: Lesson, finding: Finding, problems: list[str] | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "lesson": lesson,
        "finding": shown.shown_one(lesson, finding, learner(request)),
        "problems": problems,
        **choices(request),
    }
    return render(request, "learn/finding.html", context, status=status)


def choices(request: HttpRequest) -> dict[str, Any]:
    """What the form of a set offers, and what was chosen in it before."""
    return {
        "sure": [f"{round(100 * one)}" for one in SURE],
        "said": {name: request.POST.get(name, "") for name in ("arm", "sure")},
    }


def fragment(
    request: HttpRequest,
    lesson: Lesson,
    finding: Finding,
    problems: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Everybody's dots and the caller's runs, which stand below the form."""
    context = {
        "lesson": lesson,
        "id": finding.id,
        "attempts": shown.attempts_of(lesson, finding, learner(request)),
        "problems": problems,
        "is_fragment": True,
    }
    return render(request, "learn/_finding_runs.html", context, status=status)


def with_finding(request: HttpRequest, slug: str, name: str) -> tuple[Lesson, Finding]:
    lesson = shown_lesson(request, slug)
    finding = next((one for one in lesson.parsed_findings if one.id == name), None)
    if finding is None:
        raise Http404
    return lesson, finding
