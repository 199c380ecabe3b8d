from collections.abc import Container
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from challenges.characters import as_sentence, broken
from challenges.lesson.spec import Demo
from gradus.accounts.guests import learner_or_guest
from gradus.courses.models import Lesson
from gradus.learn.access import own_run, shown_lesson
from gradus.learn.demo import demo as demos
from gradus.submissions.models import Run
from gradus.submissions.services import Refused


@require_POST
def demo(request: HttpRequest, slug: str) -> HttpResponse:
    """Starts three real runs on one text; the result page fills its panels as they end."""
    lesson, spec = with_demo(slug)
    text = " ".join(request.POST.get("text", "").split())
    wrong = problem_with(spec.input_chars, text)
    if wrong:
        return again(request, lesson, spec, text, wrong, 422)
    try:
        runs = demos.start(lesson, learner_or_guest(request), text)
    except Refused as refused:
        return again(request, lesson, spec, text, refused.message, refused.status)
    if request.headers.get("HX-Request"):
        return render(request, "learn/_demo_result.html", result_context(lesson, spec, runs))
    return redirect("learn:demo_result", slug, *[run.uuid for run in runs])


def problem_with(most: int, text: str) -> str:
    """What is wrong with a text of which `most` characters are allowed; empty if nothing is."""
    if not text:
        return _("Write a sentence, or choose an example.")
    if len(text) > most:
        wrong = ngettext(
            "The text has %(count)d characters, and %(most)d is allowed. Shorten it.",
            "The text has %(count)d characters, and %(most)d are allowed. Shorten it.",
            most,
        )
        return wrong % {"count": len(text), "most": most}
    character = broken(text)
    return as_sentence(character) if character else ""


def again(request: HttpRequest, lesson: Lesson, spec: Demo, text: str, wrong: str, status: int) -> HttpResponse:
    """What was typed is kept."""
    context = {"lesson": lesson, "demo": spec, "text": text, "problems": [wrong]}
    if request.headers.get("HX-Request"):
        return render(request, "learn/_demo_problem.html", context, status=422)
    return render(request, "learn/demo.html", context, status=status)


def demo_result(request: HttpRequest, slug: str, zero: UUID, few: UUID, tuned: UUID) -> HttpResponse:
    lesson, spec = with_demo(slug)
    runs = [own_demo(request, uuid) for uuid in (zero, few, tuned)]
    return render(request, "learn/demo.html", result_context(lesson, spec, runs))


def demo_panel(request: HttpRequest, slug: str, uuid: UUID) -> HttpResponse:
    """One panel, asked for again while its run is open."""
    lesson = with_demo(slug)[0]
    panel = demos.panel(lesson, own_demo(request, uuid))
    return render(request, "learn/_demo_panel.html", {"lesson": lesson, "panel": panel})


def result_context(lesson: Lesson, spec: Demo, runs: list[Run]) -> dict[str, object]:
    panels = [demos.panel(lesson, run) for run in runs]
    address = reverse("learn:demo_result", args=[lesson.slug, *[run.uuid for run in runs]])
    return {"lesson": lesson, "demo": spec, "text": runs[0].inputs[0], "panels": panels, "address": address}


def own_demo(request: HttpRequest, uuid: UUID, labels: Container[str] = demos.TITLES) -> Run:
    """A run of the caller that a lesson started, under one of these labels."""
    run = own_run(request, uuid)
    if run.purpose != Run.Purpose.DEMO or run.label not in labels:
        raise Http404
    return run


def with_demo(slug: str) -> tuple[Lesson, Demo]:
    lesson = shown_lesson(slug)
    if lesson.parsed.demo is None:
        raise Http404
    return lesson, lesson.parsed.demo
