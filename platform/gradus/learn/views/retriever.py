from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from challenges.lesson.spec import Retriever
from gradus.accounts.guests import learner_or_guest
from gradus.courses.models import Lesson
from gradus.learn.access import shown_lesson
from gradus.learn.demo import retriever as retrievers
from gradus.learn.views.demo import own_demo, problem_with
from gradus.submissions.models import Run
from gradus.submissions.services import Refused


@require_POST
def retriever(request: HttpRequest, slug: str) -> HttpResponse:
    """Looks one question up in three ways; the result page fills its panels as the searches end."""
    lesson, spec = with_retriever(slug)
    text = " ".join(request.POST.get("text", "").split())
    wrong = problem_with(spec.input_chars, text)
    if wrong:
        return again(request, lesson, spec, text, wrong, 422)
    try:
        runs = retrievers.start(lesson, learner_or_guest(request), text)
    except Refused as refused:
        return again(request, lesson, spec, text, refused.message, refused.status)
    if request.headers.get("HX-Request"):
        return render(request, "learn/_retriever_result.html", result_context(lesson, spec, runs))
    return redirect("learn:retriever_result", slug, *[run.uuid for run in runs])


def again(request: HttpRequest, lesson: Lesson, spec: Retriever, text: str, wrong: str, status: int) -> HttpResponse:
    """What was typed is kept."""
    context = {**_context(lesson, spec), "text": text, "problems": [wrong]}
    if request.headers.get("HX-Request"):
        return render(request, "learn/_retriever_problem.html", context, status=422)
    return render(request, "learn/retriever.html", context, status=status)


def retriever_result(request: HttpRequest, slug: str, words: UUID, vectors: UUID, both: UUID) -> HttpResponse:
    lesson, spec = with_retriever(slug)
    runs = [own_demo(request, uuid, retrievers.TITLES) for uuid in (words, vectors, both)]
    return render(request, "learn/retriever.html", result_context(lesson, spec, runs))


def retriever_panel(request: HttpRequest, slug: str, uuid: UUID) -> HttpResponse:
    """One panel, asked for again while its run is open."""
    lesson, spec = with_retriever(slug)
    context = {**_context(lesson, spec), "panel": retrievers.panel(own_demo(request, uuid, retrievers.TITLES))}
    return render(request, "learn/_retriever_panel.html", context)


def result_context(lesson: Lesson, spec: Retriever, runs: list[Run]) -> dict[str, object]:
    panels = [retrievers.panel(run) for run in runs]
    address = reverse("learn:retriever_result", args=[lesson.slug, *[run.uuid for run in runs]])
    return {**_context(lesson, spec), "text": runs[0].inputs[0], "panels": panels, "address": address}


def _context(lesson: Lesson, spec: Retriever) -> dict[str, object]:
    return {"lesson": lesson, "retriever": spec, "searched": retrievers.searched(lesson)}


def with_retriever(slug: str) -> tuple[Lesson, Retriever]:
    lesson = shown_lesson(slug)
    if lesson.parsed.retriever is None:
        raise Http404
    return lesson, lesson.parsed.retriever
