"""The pages of a lesson, its advisor, and the answers to its questions."""

from collections.abc import Container
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

from allauth.core.exceptions import ImmediateHttpResponse
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from challenges.lesson.spec import Advisor
from gradus.accounts.guests import learner, learner_or_guest
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Challenge, Lesson
from gradus.learn.access import shown_lesson
from gradus.learn.challenge_page import guest_left
from gradus.learn.costs.approaches import approaches_of_each
from gradus.learn.demo.demo import DEMO
from gradus.learn.demo.retriever import RETRIEVER
from gradus.learn.demo.three_runs import ThreeRuns
from gradus.learn.findings import shown as findings
from gradus.learn.lesson import advisor as rules
from gradus.learn.lesson import markdown, questions, text_steps
from gradus.learn.lesson import stated_numbers as figures
from gradus.learn.lesson.questions import Asked, Group
from gradus.learn.path import steps
from gradus.learn.views.finding import choices as finding_choices
from gradus.questions import services
from gradus.reviews.who_grades import counts
from gradus.submissions.services import Refused


def lesson(request: HttpRequest, slug: str) -> HttpResponse:
    """The first step of a lesson in steps, or the whole of one without."""
    lesson = shown_lesson(request, slug)
    return _step(request, lesson, "") if lesson.parsed.steps else _whole(request, lesson)


def lesson_step(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """A step. The id of anything else that stands in the lesson leads to where it stands, so that old links work."""
    return _step(request, shown_lesson(request, slug), name)


def lesson_whole(request: HttpRequest, slug: str) -> HttpResponse:
    """All steps as one page, to print and to search. It is the address that search engines are told."""
    lesson = shown_lesson(request, slug)
    return _whole(request, lesson) if lesson.parsed.steps else redirect("learn:lesson", slug)


@require_POST
def lesson_step_read(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Notes that a step is read, and goes on to the next one.

    A reader goes on as well where nothing can be kept: in the preview of a draft, and where this address has made too
    many guests.
    """
    lesson = shown_lesson(request, slug)
    steps = text_steps.steps_of(lesson, markdown.render(lesson.text))
    here = next((one for one in steps if one.id == name), None)
    if here is None:
        raise Http404
    with suppress(Refused, ImmediateHttpResponse):
        services.read_step(learner_or_guest(request), lesson, name)
    following = steps[here.number] if here.number < len(steps) else here
    return redirect(following.address)


def _whole(request: HttpRequest, lesson: Lesson) -> HttpResponse:
    context = _context(request, lesson)
    parts = markdown.with_drawings(lesson, context["page"])
    return render(request, "learn/lesson.html", {**context, "parts": parts})


def _step(request: HttpRequest, lesson: Lesson, name: str) -> HttpResponse:
    context = _context(request, lesson)
    steps = context["steps"]
    here = next((one for one in steps if one.id == name), None) if name else steps[0]
    if here is None or (name and here.number == 1):
        holding = here or next((one for one in steps if name in one.anchors), None)
        if holding is None:
            raise Http404
        return redirect(holding.address if here else f"{holding.address}#{name}")
    undone = [one for one in steps if not one.is_done]
    more = {
        "here": here,
        "parts": here.parts,
        "previous": steps[here.number - 2] if here.number > 1 else None,
        "following": steps[here.number] if here.number < len(steps) else None,
        "is_last": here.number == len(steps),
        # Somebody who comes back is offered the first step that is not done.
        "go_on": undone[0] if undone and here.is_done and undone[0].number > here.number + 1 else None,
    }
    return render(request, "learn/lesson_step.html", {**context, **more})


def _context(request: HttpRequest, lesson: Lesson) -> dict[str, Any]:
    """What all pages of a lesson show: features where the author put them, questions, challenges, what comes next."""
    user = learner(request)
    course_path = steps.path_of(user, lesson.course)
    moved = catalogue.now().moved(lesson.course)
    page = markdown.render(lesson.text, moved)
    measured = {one.id: one for one in findings.shown(lesson, user)}
    marked = {part.finding for part in page.parts} | {part.question for part in page.parts}
    asked = questions.shown(lesson, user)
    by_code, by_ai = counts(lesson.current_challenges)
    step = course_path.of(lesson)
    return {
        "lesson": lesson,
        "page": page,
        "steps": text_steps.steps_of(lesson, page, asked, services.read_steps(user, lesson)),
        "placed": {part.feature for part in page.parts},
        "findings": measured,
        **finding_choices(request),
        "further_findings": [one for name, one in measured.items() if name not in marked],
        "shown": asked,
        "further_checks": [group for name, group in asked.checks.items() if name not in marked],
        "step": step,
        "ready": {one.challenge.name: one for one in step.challenges},
        "next": course_path.next_in(lesson),
        "after": course_path.after(lesson),
        "faq": [(item.question, markdown.render(item.answer, moved).html) for item in lesson.parsed.faq],
        "guest_left": guest_left(user),
        "by_code": by_code,
        "by_ai": by_ai,
        **features(lesson, user, course_path.hidden),
    }


def features(lesson: Lesson, user: User | None, hidden: Container[int] = ()) -> dict[str, Any]:
    """What the marks in a lesson's text stand for, without what is of the challenges with the keys `hidden`."""
    spec = lesson.parsed
    compared = approaches_of_each([one for one in lesson.current_challenges if one.pk not in hidden], user)

    def shown_here(runs: ThreeRuns[Any]) -> Challenge | None:
        asked = runs.challenge(lesson)
        return asked if asked and asked.pk not in hidden else None

    return {
        "figures": figures.lines(lesson),
        "demo": spec.demo if shown_here(DEMO) else None,
        "retriever": spec.retriever if (documents := shown_here(RETRIEVER)) else None,
        "searched": documents,
        "compared": compared,
        **(step_context(lesson, spec.advisor, {}, "") if spec.advisor else {}),
    }


def advisor(request: HttpRequest, slug: str) -> HttpResponse:
    """One question at a time; the answers so far stand in the address, so Back is the browser's too."""
    lesson = shown_lesson(request, slug)
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


@require_POST
def question_answer(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Keeps an answer. htmx gets the questions that stand together with it, other browsers go back to the lesson."""
    lesson = shown_lesson(request, slug)
    group, asked = with_question(lesson, learner(request), name)
    try:
        services.answer(learner_or_guest(request), lesson, asked.question, group.part, _chosen(request))
    except Refused as refused:
        return _questions(request, lesson, name, refused.message, 422)
    if request.headers.get("HX-Request"):
        return _questions(request, lesson, name)
    return redirect(text_steps.address_of_anchor(lesson, f"question-{name}"))


def with_question(lesson: Lesson, user: User | None, name: str) -> tuple[Group, Asked]:
    holding = questions.shown(lesson, user).holding(name)
    if holding is None:
        raise Http404
    return holding


def _chosen(request: HttpRequest) -> int:
    """Raises `Refused` where no answer is chosen."""
    text = request.POST.get("option", "")
    if not text.isascii() or not text.isdigit() or len(text) > 2:
        said = _("Choose an answer first.")
        raise Refused("no_such_option", said, problems=[{"code": "no_such_option", "field": "option", "message": said}])
    return int(text)


def _questions(request: HttpRequest, lesson: Lesson, name: str, problem: str = "", status: int = 200) -> HttpResponse:
    """The group of the question; on a page of its own without htmx, which happens only after a mistake."""
    user = learner(request)
    group, _asked = with_question(lesson, user, name)
    shown = questions.shown(lesson, user)
    context = {"lesson": lesson, "group": group, "shown": shown, "problem": problem, "problem_at": name, "now": name}
    whole = "learn/_questions.html" if request.headers.get("HX-Request") else "learn/questions.html"
    return render(request, whole, context, status=status)
