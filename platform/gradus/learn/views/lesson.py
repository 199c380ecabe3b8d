from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.learn.challenge_page import guest_left
from gradus.learn.costs.approaches import boards as boards_of
from gradus.learn.demo.retriever import searched
from gradus.learn.findings import shown as findings
from gradus.learn.lesson import illustrations, markdown, questions
from gradus.learn.lesson import stated_numbers as figures
from gradus.learn.path import steps
from gradus.learn.views.access import shown_lesson
from gradus.learn.views.advisor import step_context
from gradus.learn.views.finding import choices as finding_choices
from gradus.reviews.who_grades import counts


def lesson(request: HttpRequest, slug: str) -> HttpResponse:
    """Text, features where the author put them, questions, challenges, and what comes next."""
    found, user = shown_lesson(slug), learner(request)
    course_path = steps.path_of(user, found.course)
    moved = catalogue.now().moved(found.course)
    page = markdown.render(found.text, moved)
    measured = {one.id: one for one in findings.shown(found, user)}
    marked = {part.finding for part in page.parts} | {part.question for part in page.parts}
    asked = questions.shown(found, user)
    by_code, by_ai = counts(found.current_challenges)
    context = {
        "lesson": found,
        "page": page,
        "parts": illustrations.with_drawings(found, page),
        "placed": {part.feature for part in page.parts},
        "findings": measured,
        **finding_choices(request),
        "further_findings": [one for name, one in measured.items() if name not in marked],
        "shown": asked,
        "further_checks": [group for name, group in asked.checks.items() if name not in marked],
        "step": course_path.of(found),
        "next": course_path.next_in(found),
        "after": course_path.after(found),
        "faq": [(item.question, markdown.render(item.answer, moved).html) for item in found.parsed.faq],
        "guest_left": guest_left(user),
        "by_code": by_code,
        "by_ai": by_ai,
        **features(found, user),
    }
    return render(request, "learn/lesson.html", context)


def features(found: Lesson, user: User | None) -> dict[str, Any]:
    """What the marks in a lesson's text stand for."""
    spec = found.parsed
    boards = boards_of(found.current_challenges, user)
    shown = partial(catalogue.now().challenge_named, found.course)
    return {
        "figures": figures.lines(found),
        "demo": spec.demo if spec.demo and shown(spec.demo.challenge) else None,
        "retriever": spec.retriever if (documents := searched(found)) else None,
        "searched": documents,
        "boards": boards,
        **(step_context(found, spec.advisor, {}, "") if spec.advisor else {}),
    }
