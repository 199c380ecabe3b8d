"""API calls about courses, the learning path, the advisor and the demo of a lesson."""

from django.http import Http404
from ninja import Router, Status

from gradus.api import content_shapes as shapes
from gradus.api import result_shapes as outcomes
from gradus.api import schemas
from gradus.api.auth import OPTIONAL, Request, anyone, caller, caller_or_none, someone
from gradus.courses import catalogue
from gradus.courses.models import Lesson
from gradus.learn.demo.demo import DEMO
from gradus.learn.demo.retriever import RETRIEVER
from gradus.learn.demo.three_runs import as_typed, problem_with
from gradus.learn.lesson import advisor
from gradus.learn.path import steps as paths
from gradus.submissions.services import Refused

router = Router(tags=["courses"], auth=anyone)


@router.get("/courses", response=list[schemas.CourseOut], openapi_extra=OPTIONAL)
def courses(request: Request) -> list[schemas.CourseOut]:
    """Returns the published courses with their lessons."""
    return [shapes.course(course) for course in sorted(catalogue.now().courses, key=lambda course: course.title)]


@router.get("/courses/{slug:id}/path", response=schemas.PathOut, openapi_extra=OPTIONAL)
def path(request: Request, id: str) -> schemas.PathOut:
    """Returns the lessons and challenges of a course with the caller's progress, and the next step."""
    return shapes.path(paths.path_of(caller_or_none(request), catalogue.now().course(id)))


def lesson_shown(id: str) -> Lesson:
    return catalogue.now().lesson(id)


@router.get("/lessons/{slug:id}", response=schemas.LessonOut, openapi_extra=OPTIONAL)
def lesson(request: Request, id: str) -> schemas.LessonOut:
    """Returns a lesson's text, its questions and answers, and what can be tried in it."""
    return shapes.lesson(lesson_shown(id))


@router.post("/lessons/{slug:id}/advisor", response=schemas.AdviceOut, openapi_extra=OPTIONAL)
def advise(request: Request, id: str, given: schemas.AdvisorIn) -> schemas.AdviceOut:
    """Recommends an approach for a use case, gives reasons, and says which answers would change the advice."""
    spec = lesson_shown(id).parsed.advisor
    if spec is None:
        raise Http404
    answers = advisor.known(spec, given.answers)
    return shapes.advice(advisor.advise(spec, answers), [question.id for question in advisor.missing(spec, answers)])


@router.post("/lessons/{slug:id}/demo", response={201: schemas.DemoOut}, auth=someone)
def demo_start(request: Request, id: str, given: schemas.DemoIn) -> Status[schemas.DemoOut]:
    """Starts three runs that classify one text with the same model: zero-shot, few-shot and fine-tuned."""
    found = lesson_shown(id)
    if found.parsed.demo is None:
        raise Http404
    text = as_typed(given.text)
    _check_text(found.parsed.demo.input_chars, text)
    runs = DEMO.start(found, caller(request), text)
    return Status(201, schemas.DemoOut(notice=found.parsed.demo.notice, runs=[outcomes.run(run) for run in runs]))


@router.post("/lessons/{slug:id}/retriever", response={201: schemas.SearchOut}, auth=someone)
def search_start(request: Request, id: str, given: schemas.DemoIn) -> Status[schemas.SearchOut]:
    """Starts three runs that look one question up in the documents of a lesson: by words, by vectors and by both."""
    found = lesson_shown(id)
    if found.parsed.retriever is None:
        raise Http404
    text = as_typed(given.text)
    _check_text(found.parsed.retriever.input_chars, text)
    runs = RETRIEVER.start(found, caller(request), text)
    return Status(201, schemas.SearchOut(runs=[outcomes.run(run) for run in runs]))


def _check_text(most: int, text: str) -> None:
    wrong = problem_with(most, text)
    if wrong:
        raise Refused("bad_text", wrong, problems=[{"code": "bad_text", "field": "text", "message": wrong}])
