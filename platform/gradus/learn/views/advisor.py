from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from challenges.lesson.spec import Advisor
from gradus.courses.models import Lesson
from gradus.learn.lesson import advisor as rules
from gradus.learn.views.access import shown_lesson


def advisor(request: HttpRequest, slug: str) -> HttpResponse:
    """One question at a time; the answers so far stand in the address, so Back is the browser's too."""
    lesson = shown_lesson(slug)
    spec = lesson.parsed.advisor
    if spec is None:
        raise Http404
    context = step_context(lesson, spec, rules.known(spec, request.GET.dict()), request.GET.get("at", ""))
    template = "learn/_advisor.html" if request.headers.get("HX-Request") else "learn/advisor.html"
    return render(request, template, context)


def step_context(lesson: Lesson, spec: Advisor, answers: dict[str, str], at: str) -> dict[str, Any]:
    """The question to ask now (`at`, or the first one unanswered), or the advice."""
    ids = [question.id for question in spec.questions]
    waiting = rules.missing(spec, answers)
    question = spec.questions[ids.index(at)] if at in ids else next(iter(waiting), None)
    context: dict[str, Any] = {"lesson": lesson, "advisor": spec, "question": question, "answers": answers}
    if question is None:
        return {**context, "advice": rules.advise(spec, answers), "given": _given(spec, answers)}
    number = ids.index(question.id)
    return {
        **context,
        "number": number + 1,
        "kept": {name: value for name, value in answers.items() if name != question.id},
        "chosen": answers.get(question.id, ""),
        "back": urlencode({**answers, "at": ids[number - 1]}) if number else "",
    }


def _given(spec: Advisor, answers: dict[str, str]) -> list[tuple[str, str, str]]:
    """Each question, the answer to it, and the address that asks it again."""
    labels = {(q.id, choice.id): choice.label for q in spec.questions for choice in q.choices}
    return [(q.text, labels[q.id, answers[q.id]], urlencode({**answers, "at": q.id})) for q in spec.questions]
