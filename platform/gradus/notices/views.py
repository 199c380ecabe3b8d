"""The page of a learner's notices."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from gradus import retention
from gradus.accounts.guests import learner
from gradus.accounts.models import User
from gradus.notices import services
from gradus.notices.models import Notice
from gradus.submissions.services import Refused
from gradus.validators import whole_number

SHOWN = 100


def notice_list(request: HttpRequest) -> HttpResponse:
    """Shows the newest notices, those that are new marked as such, and then counts them as seen."""
    user = learner(request)
    notices = list(Notice.objects.of(user).with_subjects()[:SHOWN]) if user else []
    response = render(request, "notices/list.html", {"notices": notices, "kept": retention.NOTICES.time})
    if user is not None:
        services.see_all(user, notices)
    return response


def bell_show(request: HttpRequest) -> HttpResponse:
    """Shows the bell again while something of the learner's is going on, and says what has ended since `unseen`."""
    response = render(request, "_notices.html")
    user, before = learner(request), whole_number(request.GET.get("unseen"))
    fresh = Notice.objects.of(user).unseen().with_subjects() if user else Notice.objects.none()
    if before is not None and fresh.count() > before:
        said = render_to_string("notices/plain_title.txt", {"notice": fresh[0]}).strip()
        trigger_client_event(response, "gradus:toast", {"value": said})
    return response


@login_required
@require_POST
def mail_wish(request: HttpRequest) -> HttpResponse:
    """Keeps whether the learner wants notices by mail."""
    assert isinstance(request.user, User)
    wanted = "wanted" in request.POST
    try:
        services.wish_mails(request.user, wanted=wanted, site=request.build_absolute_uri("/"))
    except Refused as refused:
        messages.warning(request, refused.message)
    else:
        on, off = _("New notices will also come by mail."), _("You will get no more notices by mail.")
        messages.success(request, on if wanted else off)
    return redirect(reverse("profile") + "#mail")
