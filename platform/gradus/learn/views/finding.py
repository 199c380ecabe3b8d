from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from challenges.findings import Finding
from gradus.accounts.guests import learner, learner_or_guest
from gradus.courses.models import Lesson
from gradus.learn.findings import runs, shown
from gradus.learn.views.access import shown_lesson
from gradus.submissions.services import Refused


def finding(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """A finding on a page of its own. htmx asks for the caller's runs alone, and gets 204 while nothing is new."""
    lesson, found = with_finding(slug, name)
    if not request.headers.get("HX-Request"):
        return page(request, lesson, found)
    attempts = shown.attempts_of(lesson, found, learner(request))
    if request.GET.get("seen") == attempts.seen:
        return HttpResponse(status=204)
    return fragment(request, lesson, found)


@require_POST
def finding_run(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Starts the prompt arms of one repetition on public rows."""
    lesson, found = with_finding(slug, name)
    try:
        number = chosen(request)
        runs.start(lesson, found, learner_or_guest(request), number)
    except Refused as refused:
        return again(request, lesson, found, refused)
    if request.headers.get("HX-Request"):
        return fragment(request, lesson, found)
    return redirect("learn:finding", slug, name)


def chosen(request: HttpRequest) -> int | None:
    """The number of the repetition; None for the next one.

    Raises:
        Refused: it is no number.
    """
    text = request.POST.get("repetition", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 3:
        raise Refused("no_such_repetition", "Choose one of the listed repetitions.")
    return int(text)


def again(request: HttpRequest, lesson: Lesson, found: Finding, refused: Refused) -> HttpResponse:
    """422 for htmx whatever the reason, because that is what it swaps in."""
    if request.headers.get("HX-Request"):
        return fragment(request, lesson, found, problems=[refused.message], status=422)
    response = page(request, lesson, found, problems=[refused.message], status=refused.status)
    if refused.retry_after:
        response["Retry-After"] = str(refused.retry_after)
    return response


def page(
    request: HttpRequest, lesson: Lesson, found: Finding, problems: list[str] | None = None, status: int = 200
) -> HttpResponse:
    context = {"lesson": lesson, "finding": shown.shown_one(lesson, found, learner(request)), "problems": problems}
    return render(request, "learn/finding.html", context, status=status)


def fragment(
    request: HttpRequest,
    lesson: Lesson,
    found: Finding,
    problems: list[str] | None = None,
    status: int = 200,
) -> HttpResponse:
    """The caller's runs, which stand below the form."""
    context = {
        "lesson": lesson,
        "id": found.id,
        "attempts": shown.attempts_of(lesson, found, learner(request)),
        "problems": problems,
    }
    return render(request, "learn/_finding_runs.html", context, status=status)


def with_finding(slug: str, name: str) -> tuple[Lesson, Finding]:
    lesson = shown_lesson(slug)
    found = next((one for one in lesson.parsed_findings if one.id == name), None)
    if found is None:
        raise Http404
    return lesson, found
