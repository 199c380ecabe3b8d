"""Courses and their lessons, the caller's path through them, and what can be tried in a lesson."""

from datetime import datetime
from functools import partial
from typing import Any

from django.http import Http404
from ninja import Router, Schema, Status
from pydantic import Field

from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.api.lessons import AdvisorQuestionOut
from gradus.api.names import Slug
from gradus.api.results import Track
from gradus.api.runs import RunOut, run_out
from gradus.courses import catalogue
from gradus.courses.models import Course, Lesson
from gradus.learn.access import shown_lesson
from gradus.learn.demo.demo import DEMO
from gradus.learn.demo.retriever import RETRIEVER
from gradus.learn.demo.three_runs import as_typed, problem_with
from gradus.learn.path import steps
from gradus.submissions.services import Refused


class LessonBrief(Schema):
    id: str = Field(validation_alias="slug")
    title: str
    summary: str
    minutes: int
    challenges: list[Slug] = Field(validation_alias="current_challenges")


class CourseOut(Schema):
    id: str = Field(validation_alias="slug")
    title: str
    summary: str
    version: str
    lessons: list[LessonBrief] = Field(validation_alias="current_lessons")


class DatesOut(Schema):
    """Whether the caller can see and submit a challenge now, according to the dates of the caller's class."""

    timezone: str
    sees: bool
    submits: bool
    credit: float = Field(description="The share of the points that an attempt earns if it is submitted now")
    opens_at: datetime | None
    due_at: datetime | None
    close_at: datetime | None
    changes_at: datetime | None = Field(description="The next moment at which one of these values changes")


class ChallengeStep(Schema):
    """The caller's state in a challenge: `locked`, `open`, `provisional`, `passed` or `gold`.

    `provisional` opens what comes next as `passed` does, but the grade can still change.
    """

    id: str = Field(validation_alias="challenge.slug")
    title: str = Field(validation_alias="challenge.title")
    kind: Track = Field(validation_alias="challenge.kind")
    state: str
    score: float | None = Field(None, validation_alias="standing.shown")
    version: str | None = Field(
        None,
        validation_alias="standing.version.version",
        description="The version of the challenge that gave the score",
    )
    provisional: bool = Field(False, validation_alias="standing.provisional")
    dates: DatesOut | None = Field(None, description="null if no class of the caller sets dates for the challenge")

    @staticmethod
    def resolve_dates(step: steps.ChallengeStep) -> dict[str, Any] | None:
        """Returns the parts of a decision that a learner may read, or None if the decision depends on no date."""
        decision = step.decision
        if decision.opens_at is None and not decision.applied:
            return None
        return {**vars(decision), "timezone": decision.zone}


class LessonStep(Schema):
    id: str = Field(validation_alias="lesson.slug")
    title: str = Field(validation_alias="lesson.title")
    summary: str = Field(validation_alias="lesson.summary")
    minutes: int = Field(validation_alias="lesson.minutes")
    state: str
    requires: list[Slug] = Field(validation_alias="needs")
    challenges: list[ChallengeStep]


class PathOut(Schema):
    id: str
    title: str
    passed: int
    total: int
    next: str | None = Field(None, description="The challenge to do next")
    lessons: list[LessonStep]


class PlaygroundOut(Schema):
    """Something to try with a text of one's own: the demo or the search of a lesson."""

    title: str
    notice: str = ""
    examples: list[str] = Field(validation_alias="chips")
    input_chars: int


class FaqOut(Schema):
    question: str
    answer: str = Field(description="CommonMark")


class LessonOut(Schema):
    """A lesson's text and what can be tried in it. Findings and questions have calls of their own."""

    id: str
    course: str
    title: str
    summary: str
    minutes: int
    text: str = Field(description="CommonMark, with marks where figures, findings and other parts stand")
    faq: list[FaqOut]
    challenges: list[Slug]
    advisor: list[AdvisorQuestionOut] = Field(description="The advisor's questions; empty if there is no advisor")
    demo: PlaygroundOut | None = None
    retriever: PlaygroundOut | None = None


class DemoIn(Schema):
    text: str = Field(min_length=1, max_length=4000)


class DemoOut(Schema):
    """The three runs of the demo. The label of each says how it asks the model."""

    notice: str
    runs: list[RunOut]


class SearchOut(Schema):
    """The three runs of a lesson's retriever. The label of each says how it searches."""

    runs: list[RunOut]


def lesson_out(lesson: Lesson) -> dict[str, Any]:
    spec, shown = lesson.parsed, partial(catalogue.now().challenge_named, lesson.course)
    return {
        "id": lesson.slug,
        "course": lesson.course.slug,
        "title": lesson.title,
        "summary": lesson.summary,
        "minutes": lesson.minutes,
        "text": lesson.text,
        "faq": spec.faq,
        "challenges": lesson.current_challenges,
        "advisor": spec.advisor.questions if spec.advisor else (),
        "demo": spec.demo if spec.demo and shown(spec.demo.challenge) else None,
        "retriever": spec.retriever if spec.retriever and shown(spec.retriever.challenge) else None,
    }


def path_out(path: steps.CoursePath) -> dict[str, Any]:
    return {
        "id": path.course.slug,
        "title": path.course.title,
        "passed": sum(lesson.done for lesson in path.lessons),
        "total": sum(len(lesson.challenges) for lesson in path.lessons),
        "next": path.next.challenge.slug if path.next else None,
        "lessons": path.lessons,
    }


router = Router(tags=["courses"], auth=anyone)


@router.get("/courses", response=list[CourseOut], openapi_extra=OPTIONAL)
def courses(request: Request) -> list[Course]:
    """Returns the published courses that the caller finds in lists, with their lessons."""
    return sorted(catalogue.found().courses, key=lambda course: course.title)


@router.get("/courses/{slug:id}/path", response=PathOut, openapi_extra=OPTIONAL)
def path(request: Request, id: str) -> dict[str, Any]:
    """Returns the lessons and challenges of a course with the caller's progress, and the next step."""
    return path_out(steps.path_of(caller_or_none(request), catalogue.now().course(id)))


@router.get("/lessons/{slug:id}", response=LessonOut, openapi_extra=OPTIONAL)
def lesson(request: Request, id: str) -> dict[str, Any]:
    """Returns a lesson's text, its questions and answers, and what can be tried in it."""
    return lesson_out(shown_lesson(request, id))


@router.post("/lessons/{slug:id}/demo", response={201: DemoOut}, auth=someone)
def demo_start(request: Request, id: str, given: DemoIn) -> Status[DemoOut]:
    """Starts three runs that classify one text with the same model: zero-shot, few-shot and fine-tuned."""
    found = shown_lesson(request, id)
    if found.parsed.demo is None:
        raise Http404
    text = as_typed(given.text)
    _check_text(found.parsed.demo.input_chars, text)
    runs = DEMO.start(found, caller(request), text)
    return Status(201, DemoOut(notice=found.parsed.demo.notice, runs=[run_out(run) for run in runs]))


@router.post("/lessons/{slug:id}/retriever", response={201: SearchOut}, auth=someone)
def search_start(request: Request, id: str, given: DemoIn) -> Status[SearchOut]:
    """Starts three runs that look one question up in the documents of a lesson: by words, by vectors and by both."""
    found = shown_lesson(request, id)
    if found.parsed.retriever is None:
        raise Http404
    text = as_typed(given.text)
    _check_text(found.parsed.retriever.input_chars, text)
    runs = RETRIEVER.start(found, caller(request), text)
    return Status(201, SearchOut(runs=[run_out(run) for run in runs]))


def _check_text(most: int, text: str) -> None:
    wrong = problem_with(most, text)
    if wrong:
        raise Refused("bad_text", wrong, problems=[{"code": "bad_text", "field": "text", "message": wrong}])
