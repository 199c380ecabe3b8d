from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from gradus.accounts.guests import learner, learner_or_guest
from gradus.accounts.models import User
from gradus.courses.models import Lesson
from gradus.learn.lesson import questions
from gradus.learn.lesson.questions import Asked, Group
from gradus.learn.views.access import shown_lesson
from gradus.questions import services
from gradus.submissions.services import Refused


@require_POST
def question_answer(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Keeps an answer. htmx gets the questions that stand together with it, other browsers go back to the lesson."""
    lesson = shown_lesson(slug)
    group, asked = with_question(lesson, learner(request), name)
    try:
        services.answer(learner_or_guest(request), lesson, asked.question, group.part, chosen(request))
    except Refused as refused:
        return fragment(request, lesson, name, refused.message, 422)
    if request.headers.get("HX-Request"):
        return fragment(request, lesson, name)
    return redirect(f"{reverse('learn:lesson', args=[slug])}#question-{name}")


def with_question(lesson: Lesson, user: User | None, name: str) -> tuple[Group, Asked]:
    found = questions.shown(lesson, user).holding(name)
    if found is None:
        raise Http404
    return found


def chosen(request: HttpRequest) -> int:
    """Raises `Refused` where no answer is chosen."""
    text = request.POST.get("option", "")
    if not text.isascii() or not text.isdigit() or len(text) > 2:
        said = _("Choose an answer first.")
        raise Refused("no_such_option", said, problems=[{"code": "no_such_option", "field": "option", "message": said}])
    return int(text)


def fragment(request: HttpRequest, lesson: Lesson, name: str, problem: str = "", status: int = 200) -> HttpResponse:
    """The group of the question; on a page of its own without htmx, which happens only after a mistake."""
    user = learner(request)
    group, _asked = with_question(lesson, user, name)
    shown = questions.shown(lesson, user)
    context = {"lesson": lesson, "group": group, "shown": shown, "problem": problem, "problem_at": name, "now": name}
    whole = "learn/_questions.html" if request.headers.get("HX-Request") else "learn/questions.html"
    return render(request, whole, context, status=status)
