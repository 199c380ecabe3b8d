"""What readers try in a lesson, its demo and its retriever: a page, a result that has an address, and its panels."""

from typing import Any, Generic
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner_or_guest
from gradus.courses.models import Lesson
from gradus.learn.access import own_run, shown_lesson
from gradus.learn.demo.demo import DEMO
from gradus.learn.demo.purpose import DemoAnswer
from gradus.learn.demo.retriever import RETRIEVER
from gradus.learn.demo.three_runs import Spec, ThreeRuns, as_typed, problem_with
from gradus.submissions.models import Run
from gradus.submissions.services import Refused


class ThreeRunsPages(Generic[Spec]):
    """The routes and pages of three runs. Their templates and routes begin with the name of `asked`."""

    def __init__(self, asked: ThreeRuns[Spec], uuids: tuple[str, str, str]) -> None:
        """`uuids` are the names of the three runs in the address of a result, in the order of the panels."""
        self.asked: ThreeRuns[Spec] = asked
        self.name, self.uuids = asked.name, uuids

    def urls(self) -> list[URLPattern]:
        root, three = f"lessons/<slug:slug>/{self.name}/", "/".join(f"<uuid:{name}>" for name in self.uuids)
        return [
            path(root, require_POST(self.start), name=self.name),
            path(f"{root}panel/<uuid:uuid>/", self.panel, name=f"{self.name}_panel"),
            path(f"{root}{three}/", self.result, name=f"{self.name}_result"),
        ]

    def start(self, request: HttpRequest, slug: str) -> HttpResponse:
        """Starts three real runs on one text; the result page fills its panels as they end."""
        lesson, spec = self._found(request, slug)
        text = as_typed(request.POST.get("text", ""))
        if wrong := problem_with(spec.input_chars, text):
            return self._again(request, lesson, text, wrong, 422)
        try:
            runs = self.asked.start(lesson, learner_or_guest(request), text)
        except Refused as refused:
            return self._again(request, lesson, text, refused.message, refused.status)
        if request.headers.get("HX-Request"):
            return render(request, "learn/_three_runs_result.html", self._result(lesson, runs))
        return redirect(f"learn:{self.name}_result", slug, *[run.uuid for run in runs])

    def result(self, request: HttpRequest, slug: str, **uuids: UUID) -> HttpResponse:
        lesson, _ = self._found(request, slug)
        runs = [self._own_run(request, uuids[name]) for name in self.uuids]
        return render(request, f"learn/{self.name}.html", self._result(lesson, runs))

    def panel(self, request: HttpRequest, slug: str, uuid: UUID) -> HttpResponse:
        """One panel, asked for again while its run is open."""
        lesson, _ = self._found(request, slug)
        context = {**self.asked.context(lesson), "panel": self.asked.panel(lesson, self._own_run(request, uuid))}
        return render(request, f"learn/_{self.name}_panel.html", context)

    def _again(self, request: HttpRequest, lesson: Lesson, text: str, wrong: str, status: int) -> HttpResponse:
        """What was typed is kept."""
        context = {**self.asked.context(lesson), "text": text, "problems": [wrong]}
        if request.headers.get("HX-Request"):
            return render(request, f"learn/_{self.name}_problem.html", context, status=422)
        return render(request, f"learn/{self.name}.html", context, status=status)

    def _result(self, lesson: Lesson, runs: list[Run]) -> dict[str, Any]:
        panels = [self.asked.panel(lesson, run) for run in runs]
        address = reverse(f"learn:{self.name}_result", args=[lesson.slug, *[run.uuid for run in runs]])
        return {
            **self.asked.context(lesson),
            "asked": self.asked.spec(lesson),
            "panel_template": f"learn/_{self.name}_panel.html",
            "text": runs[0].inputs[0],
            "panels": panels,
            "address": address,
        }

    def _own_run(self, request: HttpRequest, uuid: UUID) -> Run:
        """A run of the caller that a lesson started for one of these panels."""
        run = own_run(request, uuid)
        if run.purpose != DemoAnswer.name or run.label not in self.asked.titles:
            raise Http404
        return run

    def _found(self, request: HttpRequest, slug: str) -> tuple[Lesson, Spec]:
        lesson = shown_lesson(request, slug)
        spec = self.asked.spec(lesson)
        if spec is None:
            raise Http404
        return lesson, spec


urlpatterns = [
    *ThreeRunsPages(DEMO, ("zero", "few", "tuned")).urls(),
    *ThreeRunsPages(RETRIEVER, ("words", "vectors", "both")).urls(),
]
