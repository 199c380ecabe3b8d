from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from gradus.accounts.guests import learner
from gradus.courses import catalogue
from gradus.learn import path


def home(request: HttpRequest) -> HttpResponse:
    """The courses; a visitor reaches the first challenge from here without an account, a learner the next one."""
    paths = path.paths(learner(request))
    context = {
        "paths": paths,
        "next": next((found.next for found in paths if found.next), None),
        "done": sum(found.done for found in paths),
        "is_begun": any(found.is_begun for found in paths),
    }
    return render(request, "learn/home.html", context)


def course(request: HttpRequest, slug: str) -> HttpResponse:
    found = catalogue.now().course(slug)
    return render(request, "learn/course.html", {"path": path.path_of(learner(request), found)})
