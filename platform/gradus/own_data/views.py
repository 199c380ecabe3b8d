"""The download of one's own data, the pages on which a person or an operator has an account deleted, and how long
everything is kept.
"""

from collections.abc import Callable
from typing import Any

from allauth.account.decorators import reauthentication_required
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from gradus import retention
from gradus.accounts import rate_limits
from gradus.accounts.models import User
from gradus.downloads import download
from gradus.own_data import deletion, erasing
from gradus.own_data.document import write
from gradus.refusal import Refused
from gradus.teach import people
from gradus.validators import allowed_characters

View = Callable[[HttpRequest], HttpResponse]
# allauth's decorator has no types.
signed_in_again: Callable[[View], View] = reauthentication_required


@login_required
def my_data(request: HttpRequest) -> FileResponse:
    """Everything that the site keeps about the person who asks, as one JSON file."""
    rate_limits.allow(request, "my_data", limit_get=True)
    file = write(_account(request))
    name = f"gradus-{timezone.now():%Y-%m-%d}.json"
    return download(request, file, as_attachment=True, filename=name, content_type="application/json")


@login_required
@signed_in_again
@require_http_methods(["GET", "HEAD", "POST"])
def account_delete(request: HttpRequest) -> HttpResponse:
    """What goes, what stays and when, and the button that asks for the deletion. Both need a recent log-in."""
    user = _account(request)
    refusal = people.needs_other_owner(user)
    status = 200
    if request.method == "POST":
        try:
            deletion.ask(user, site=_site(request))
        except Refused as refused:
            refusal, status = str(refused), refused.status
        else:
            messages.success(request, _("Your account will be deleted. Until then you can keep it."))
            return redirect("account_delete")
    context = {"refusal": refusal, "days": retention.DELETED_ACCOUNTS.time.days}
    return render(request, "own_data/delete.html", context, status=status)


@login_required
@require_POST
def account_keep(request: HttpRequest) -> HttpResponse:
    if deletion.keep(_account(request)):
        messages.success(request, _("You keep your account. API tokens that you had no longer work: make new ones."))
    return redirect("profile")


class DeletionForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=deletion.REASON_CHARS,
        validators=[allowed_characters],
        help_text=gettext_lazy("For example who asked for it and how. Do not write the person's name."),
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    at_once = forms.BooleanField(label=gettext_lazy("Delete it now, without time to change one's mind"), required=False)


@permission_required("accounts.delete_user", raise_exception=True)
@require_http_methods(["GET", "HEAD", "POST"])
def staff_account_delete(request: HttpRequest, pk: int) -> HttpResponse:
    """An operator has an account deleted, with a reason. `admin_view` lets only staff come here."""
    user = get_object_or_404(User, pk=pk, is_guest=False, deleted_at=None)
    form = DeletionForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            given = form.cleaned_data
            by, reason, at_once = _account(request), given["reason"], given["at_once"]
            deletion.ask(user, by=by, reason=reason, at_once=at_once, site=_site(request))
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            is_gone = form.cleaned_data["at_once"] and erasing.erase(user.pk, waits=True)
            user.refresh_from_db()
            when = date_format(timezone.localtime(user.deletion_due_at), "DATETIME_FORMAT") if not is_gone else ""
            soon = _("The account will be deleted on %(when)s. Until then it can be kept.") % {"when": when}
            messages.success(request, _("The account was deleted.") if is_gone else soon)
            return redirect("admin:accounts_user_change", user.pk)
    context = {
        **admin.site.each_context(request),
        "title": _("Delete account"),
        "form": form,
        "account": user,
        "days": retention.DELETED_ACCOUNTS.time.days,
    }
    return render(request, "own_data/staff_delete.html", context, status=422 if form.errors else 200)


@permission_required("accounts.delete_user", raise_exception=True)
@require_POST
def staff_account_keep(request: HttpRequest, pk: int) -> HttpResponse:
    user = get_object_or_404(User, pk=pk)
    if deletion.keep(user, by=_account(request)):
        messages.success(request, _("The account is kept."))
    else:
        messages.error(request, _("This account is not to be deleted, or its deletion has begun."))
    return redirect("admin:accounts_user_change", user.pk)


def what_is_kept(request: HttpRequest) -> HttpResponse:
    """How long the site keeps what, for staff. `admin_view` lets only staff come here."""
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("What is kept how long"),
        "rows": retention.ALL,
        "waiting": User.objects.exclude(deletion_due_at=None).order_by("deletion_due_at"),
    }
    return render(request, "own_data/kept.html", context)


def _site(request: HttpRequest) -> str:
    return request.build_absolute_uri("/")


def _account(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
