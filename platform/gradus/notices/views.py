"""The page of a learner's notices."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from gradus.accounts.guests import learner
from gradus.notices import services
from gradus.notices.models import KEPT, Notice

SHOWN = 100


@never_cache
def notice_list(request: HttpRequest) -> HttpResponse:
    """Shows the newest notices, those that are new marked as such, and then counts them as seen."""
    user = learner(request)
    notices = list(Notice.objects.of(user).with_subjects()[:SHOWN]) if user else []
    response = render(request, "notices/list.html", {"notices": notices, "kept": KEPT})
    if user is not None:
        services.see_all(user, notices)
    return response
