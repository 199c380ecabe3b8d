"""The page on which a reviewer keeps snippets for comments."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from gradus.accounts.models import User
from gradus.courses.models import Course
from gradus.reviews import queue, services
from gradus.reviews.models import Snippet
from gradus.reviews.queue import reviewer
from gradus.submissions.services import Refused


def snippet_list(request: HttpRequest) -> HttpResponse:
    """Lists the reviewer's snippets. A POST keeps another one, of this page or of the comment of an answer."""
    user = reviewer(request)
    if request.method != "POST":
        return page(request, user)
    text, name = request.POST.get("text", request.POST.get("comment", "")), request.POST.get("name", "")
    try:
        made = services.keep_snippet(user, text=text, name=name, course=course_of(request, user))
    except Refused as refusal:
        return refused(request, user, refusal, None)
    if request.headers.get("HX-Request"):
        return render(request, "reviews/_snippet_kept.html", {"kept": made})
    return redirect("reviews:snippets")


@require_POST
def snippet_change(request: HttpRequest, pk: int) -> HttpResponse:
    """Changes or deletes a snippet."""
    user = reviewer(request)
    snippet = get_object_or_404(user.snippets, pk=pk)
    if request.POST.get("action") == "delete":
        services.delete_snippet(snippet)
        return redirect("reviews:snippets")
    name, text = request.POST.get("name", ""), request.POST.get("text", "")
    try:
        services.change_snippet(snippet, name=name, text=text, course=course_of(request, user))
    except Refused as refusal:
        return refused(request, user, refusal, snippet)
    return redirect("reviews:snippets")


def course_of(request: HttpRequest, user: User) -> Course | None:
    slug = request.POST.get("course", "")
    # Compared here and not by the database, which refuses some characters.
    return next((course for course in queue.taught_by(user) if course.slug == slug), None)


def page(request: HttpRequest, user: User, status: int = 200, **more: object) -> HttpResponse:
    context = {"snippets": user.snippets.select_related("course"), "courses": queue.taught_by(user), **more}
    return render(request, "reviews/snippets.html", context, status=status)


def refused(request: HttpRequest, user: User, refusal: Refused, snippet: Snippet | None) -> HttpResponse:
    """Shows what was typed again, with the reason beside it."""
    if request.headers.get("HX-Request"):
        return render(request, "reviews/_snippet_kept.html", {"problem": refusal.message}, status=422)
    typed = {
        "pk": snippet.pk if snippet else None,
        "name": request.POST.get("name", ""),
        "text": request.POST.get("text", request.POST.get("comment", "")),
        "course": course_of(request, user),
    }
    return page(request, user, 422, typed=typed, problem=refusal.message)
